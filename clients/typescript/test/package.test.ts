import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { testDatabase } from "./support.js";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../", import.meta.url));
const quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"];

test("the package installs into an empty folder, and works there", async () => {
  const db = await testDatabase();
  const folder = mkdtempSync(join(tmpdir(), "cache-pg-"));
  after(() => rmSync(folder, { recursive: true }));

  // Without scripts: the tests run from `dist`, which they must not rebuild under each other.
  const { stdout } = await run("npm", ["pack", "--json", "--pack-destination", folder, ...quiet], { cwd: root });
  const files = (JSON.parse(stdout) as { files: { path: string }[] }[])[0]!.files.map(({ path }) => path);
  const others = files.filter((path) => !/^dist\/[a-z-]+\.(js|d\.ts)$/.test(path));
  assert.deepEqual(others.sort(), ["LICENSE", "README.md", "package.json"]);
  assert.ok(files.includes("dist/index.js") && files.includes("dist/index.d.ts"));

  const archive = readdirSync(folder).find((name) => name.endsWith(".tgz"))!;
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  await run("npm", ["install", "--prefer-offline", ...quiet, `./${archive}`], { cwd: folder });
  writeFileSync(
    join(folder, "smoke.js"),
    `import pg from "pg";
    import { createCache } from "cache-pg";
    const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL });
    const smoke = createCache({ pool, errors: "throw" }).namespace("smoke");
    await smoke.set("a", { works: true });
    console.log(JSON.stringify(await smoke.get("a")));
    await pool.end();`,
  );
  const smoke = await run("node", ["smoke.js"], { cwd: folder, env: { ...process.env, DATABASE_URL: db.url } });
  assert.equal(smoke.stdout, '{"works":true}\n');

  // CommonJS, from Node 20.19 and 22.12 on.
  if ((process.features as { require_module?: boolean }).require_module) {
    const names = ["cache-pg", "cache-pg/keyv", "cache-pg/package.json"];
    const program = `for (const name of ${JSON.stringify(names)}) console.log(Object.keys(require(name)).length > 0)`;
    const commonjs = await run("node", ["--input-type=commonjs", "--eval", program], { cwd: folder });
    assert.equal(commonjs.stdout, "true\n".repeat(names.length));
  }
});

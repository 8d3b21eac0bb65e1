import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { testDatabase } from "./support.js";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../", import.meta.url));

test("the snippets of the README do what it says", async () => {
  const readme = readFileSync(`${root}README.md`, "utf8");
  const blocks = [...readme.matchAll(/^```(\w+)\n(.*?)^```$/gms)];
  const all = (language: string) => blocks.filter((block) => block[1] === language).map((block) => block[2]!);
  assert.ok(all("ts").length > 0 && all("text").length > 0 && all("sql").length > 0);

  const db = await testDatabase(all("sql").join("\n"));
  const directory = `${root}build/readme`;
  mkdirSync(directory, { recursive: true });
  writeFileSync(`${directory}/snippets.ts`, all("ts").join("\n"));
  const configuration = { extends: "../../tsconfig.json", compilerOptions: { rootDir: ".", outDir: "out" }, include: ["*.ts"] };
  writeFileSync(`${directory}/tsconfig.json`, JSON.stringify(configuration));
  await run(`${root}node_modules/.bin/tsc`, ["-p", directory]).catch((error: { stdout: string }) => assert.fail(error.stdout));
  const env = { ...process.env, DATABASE_URL: db.url };
  const { stdout, stderr } = await run("node", [`${directory}/out/snippets.js`], { env });
  assert.equal(stdout, all("text").join(""));
  assert.equal(stderr, "");
});

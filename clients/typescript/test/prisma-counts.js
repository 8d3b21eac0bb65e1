// Owns the last line of a run of node's tests: their counts. Must never count a suite as a test.

/** A reporter of node:test. */
export default async function* counts(events) {
  const counted = { passed: 0, failed: 0, skipped: 0 };
  for await (const { type, data } of events) {
    if (type !== "test:pass" && type !== "test:fail") continue;
    if (data.details.type === "suite") continue;
    if (type === "test:fail") counted.failed++;
    else if (data.skip !== undefined || data.todo !== undefined) counted.skipped++;
    else counted.passed++;
  }
  yield `${counted.passed} passed, ${counted.failed} failed, ${counted.skipped} skipped\n`;
}

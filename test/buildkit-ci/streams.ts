/**
 * What the real buildx wrote by `--progress=rawjson` to standard error, at a buildkitd of August 2026: a build that succeeds,
 * one that fails, one that hangs in `RUN npm ci`.
 */
export const streamPath = (name: string) => new URL(`../vectors/rawjson/${name}.jsonl`, import.meta.url).pathname

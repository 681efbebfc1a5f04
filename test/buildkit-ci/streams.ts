/** Streams in the format of `--progress=rawjson`: a build that succeeds, one that fails, one that hangs in `RUN npm ci`. */
export const streamPath = (name: string) => new URL(`../vectors/rawjson/${name}.jsonl`, import.meta.url).pathname

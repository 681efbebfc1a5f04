import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { PlainProgress } from '../../../examples/buildkit-ci/progress/plain-progress.js'
import { type OtherLine, RawJson, type RawJsonItem } from '../../../examples/buildkit-ci/progress/rawjson.js'
import { streamPath } from '../streams.js'

/** What comes of a stream that arrives in pieces of so many bytes. */
function read(bytes: Buffer, pieceBytes = bytes.length): (RawJsonItem | OtherLine)[] {
  const reader = new RawJson()
  const items: (RawJsonItem | OtherLine)[] = []
  for (let at = 0; at < bytes.length; at += pieceBytes) items.push(...reader.push(bytes.subarray(at, at + pieceBytes)))
  return [...items, ...reader.end()]
}

function shown(items: (RawJsonItem | OtherLine)[]): string[] {
  const progress = new PlainProgress()
  return items.flatMap((item) => progress.linesOf(item))
}

const baseDigest = 'sha256:0cb3639dca813a919986b5bf0d155c3c672be6d1e71b43f623673cc58c6297f9'
const streamOf = (name: string) => readFileSync(streamPath(name))

describe('the progress of buildx', () => {
  it('is the same, however it is cut into pieces', () => {
    const bytes = streamOf('succeeds')
    for (const pieceBytes of [1, 7, 4096]) expect(read(bytes, pieceBytes)).toEqual(read(bytes))
  })

  it('is shown as numbered steps with their output and their end', () => {
    expect(shown(read(streamOf('succeeds')))).toEqual([
      // Looked up in the cache, and then run.
      ...['#1 [internal] load build definition from Dockerfile', '#1 DONE'],
      ...['#1 [internal] load build definition from Dockerfile', '#1 DONE'],
      "WARN: FromAsCasing: 'as' and 'FROM' keywords' casing do not match (line 1)",
      ...['#2 [internal] load metadata for docker.io/library/node:20', '#2 DONE'],
      ...['#3 [internal] load .dockerignore', '#3 DONE'],
      ...['#4 [internal] load build context', '#4 DONE'],
      `#5 [build 1/4] FROM docker.io/library/node:20@${baseDigest}`,
      '#5 DONE',
      ...['#4 [internal] load build context', '#4 DONE'],
      ...['#6 [build 2/4] WORKDIR /app', '#6 CACHED'],
      ...['#7 [build 3/4] COPY package.json package-lock.json ./', '#7 DONE'],
      ...[
        '#8 [build 4/4] RUN npm ci',
        '#8 npm warn deprecated inflight@1.0.6',
        '#8 added 42 packages in 3s',
        '#8 DONE',
      ],
      ...['#9 [stage-1 1/1] COPY --from=build /app /app', '#9 DONE'],
      ...['#10 exporting to image', '#10 DONE'],
    ])
  })

  it('has the error of a step, and the last word of buildx, which is no JSON', () => {
    const lines = shown(read(streamOf('fails')))
    const error = 'process "/bin/sh -c npm ci" did not complete successfully: exit code: 1'
    const at = lines.indexOf(`#8 ERROR: ${error}`)
    expect(lines[at - 1]).toBe('#8 npm error code E401')
    expect(lines).toContain('   4 | >>> RUN npm ci')
    expect(lines.at(-1)).toBe(`ERROR: failed to build: failed to solve: ${error}`)
  })

  it('has the end of a step that was looked up in the cache before it ran', () => {
    const [name, started, completed] = ['RUN make', '2026-11-30T10:00:00Z', '2026-11-30T10:00:01Z']
    const looked = [{ digest: 'a', name, started, completed }]
    const failed = [{ digest: 'a', name, started, completed, error: 'exit code: 1' }]
    const running = [{ digest: 'a', name, started }]
    const lines = [looked, running, failed].map((vertexes) => JSON.stringify({ vertexes }))
    const all = ['#1 RUN make', '#1 DONE', '#1 RUN make', '#1 ERROR: exit code: 1']
    expect(shown(read(Buffer.from(`${lines.join('\n')}\n`)))).toEqual(all)
  })

  it.each(['', '{', '{"a":1}', '[]', 'null', '{"vertexes":1}', '{"vertexes":[],"other":[]}'])(
    'passes a line on that it does not know: %j',
    (line) => {
      expect(read(Buffer.from(`${line}\n`))).toEqual([{ text: line }])
    },
  )

  it('shows no control characters of a build', () => {
    const logs = [{ vertex: 'a', data: Buffer.from('\u001b[2Jgone\n').toString('base64') }]
    expect(shown(read(Buffer.from(`${JSON.stringify({ logs })}\n`)))).toEqual(['#1 \ufffd[2Jgone'])
  })
})

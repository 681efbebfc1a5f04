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

const streamOf = (name: string) => readFileSync(streamPath(name))

describe('the progress of buildx', () => {
  it('is the same, however it is cut into pieces', () => {
    const bytes = streamOf('succeeds')
    for (const pieceBytes of [1, 7, 4096]) expect(read(bytes, pieceBytes)).toEqual(read(bytes))
  })

  it('is shown as numbered steps with their output and their end', () => {
    expect(shown(read(streamOf('succeeds')))).toEqual([
      ...['#1 [internal] load build definition from Dockerfile', '#1 DONE'],
      ...['#2 [internal] load metadata for docker.io/library/node:20', '#2 DONE'],
      ...['#3 [internal] load .dockerignore', '#3 DONE'],
      `#4 [build 1/4] FROM docker.io/library/node:20@sha256:${'f'.repeat(64)}`,
      ...['#5 [internal] load build context', '#5 DONE', '#4 CACHED'],
      ...['#6 [build 2/4] WORKDIR /app', '#6 CACHED'],
      ...['#7 [build 3/4] COPY package.json package-lock.json ./', '#7 DONE'],
      ...[
        '#8 [build 4/4] RUN npm ci',
        '#8 npm warn deprecated inflight@1.0.6',
        '#8 added 42 packages in 3s',
        '#8 DONE',
      ],
      ...['#9 exporting to image', '#9 DONE'],
      "WARN: FromAsCasing: 'as' and 'FROM' keywords' casing do not match (line 1)",
    ])
  })

  it('has the error of a step, and the last word of buildx, which is no JSON', () => {
    const lines = shown(read(streamOf('fails')))
    const error = 'process "/bin/sh -c npm ci" did not complete successfully: exit code: 1'
    expect(lines.slice(-3)).toEqual([
      '#8 npm error code E401',
      `#8 ERROR: ${error}`,
      `ERROR: failed to solve: ${error}`,
    ])
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

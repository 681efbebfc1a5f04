import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { jsonLines } from '../../../examples/kata-build-runner/api/json-lines.js'

async function* pieces(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  for (let from = 0, turn = 0; from < bytes.length; turn++) {
    const size = sizes[turn % sizes.length]!
    yield bytes.subarray(from, from + size)
    from += size
  }
}

async function read(text: string, sizes = [1000]): Promise<unknown[]> {
  const all: unknown[] = []
  for await (const value of jsonLines(pieces(Buffer.from(text), sizes))) all.push(value)
  return all
}

describe('a stream of JSON lines', () => {
  it('is the same however it is cut, also within a character', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ type: fc.string({ unit: 'grapheme' }), object: fc.constantFrom('é', '😀', null, 7) })),
        fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1 }),
        async (values, sizes) => {
          expect(await read(values.map((value) => `${JSON.stringify(value)}\n`).join(''), sizes)).toEqual(values)
        },
      ),
    )
  })
  it('ends before a line that was cut off, and passes over empty ones', async () => {
    expect(await read('{"a":1}\n\n\r\n{"b":2}\n{"c":')).toEqual([{ a: 1 }, { b: 2 }])
  })
  it('is refused where it is no JSON, or a line has no end', async () => {
    await expect(read('<html>\n')).rejects.toThrow(SyntaxError)
    await expect(read('x'.repeat(33 << 20), [1 << 20])).rejects.toThrow('a line of more than')
  })
})

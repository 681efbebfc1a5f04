const lineEnd = 10
/** etcd takes no object of more than 1.5 MiB; as JSON it may be somewhat longer. */
const mostLineBytes = 32 * 1024 * 1024

/**
 * The values of a stream with one JSON value per line, however it is cut into pieces: a line is decoded as a whole, so no
 * character is torn. A last line without its end is dropped: the connection was cut there.
 */
export async function* jsonLines(stream: AsyncIterable<Uint8Array>): AsyncGenerator<unknown> {
  let held: Uint8Array[] = []
  let heldBytes = 0
  for await (const chunk of stream) {
    let from = 0
    for (let end = chunk.indexOf(lineEnd); end >= 0; end = chunk.indexOf(lineEnd, from)) {
      const line = Buffer.concat([...held, chunk.subarray(from, end)]).toString()
      held = []
      heldBytes = 0
      from = end + 1
      if (line.trim() !== '') yield JSON.parse(line)
    }
    if (from < chunk.length) held.push(chunk.subarray(from))
    heldBytes += chunk.length - from
    if (heldBytes > mostLineBytes) {
      throw Object.assign(new Error(`a line of more than ${mostLineBytes} bytes`), { code: 'EMSGSIZE' })
    }
  }
}

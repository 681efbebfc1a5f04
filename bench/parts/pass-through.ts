import { guardPath } from 'shm-liveness'
import type { Session } from '../support/session.js'
import { inTurns, spreadText } from '../support/statistics.js'
import { atLeast, type Row } from '../table.js'

/** Throughput of `--progress output` by that of the same two programs with a pipe between them. */
export async function passThrough(session: Session): Promise<Row[]> {
  const pour = await session.helper('pour')
  const megabytes = session.quick ? 1024 : 4096
  const region = session.newRegion()
  /** Bytes per nanosecond, which is GB/s. */
  const throughput = (source: string): Promise<number> =>
    session.run('sh', ['-c', `${source} | ${pour} --drain`]).then((text) => {
      const [ns, bytes] = text.split(' ').map(Number) as [number, number]
      if (bytes !== megabytes << 20 && bytes !== megabytes * 1048576) throw new Error(`${bytes} bytes came out`)
      return bytes / ns
    })
  const direct = `${pour} ${megabytes}`
  const guarded = `${guardPath()} --region ${region} --progress output -- ${direct}`
  const { a, b, ratio } = await inTurns(
    session.quick ? 3 : 9,
    () => throughput(direct),
    () => throughput(guarded),
  )
  return [
    {
      what: 'output through the guard by a direct pipe, throughput',
      measured: ratio.median.toFixed(2),
      spread: spreadText(ratio),
      bar: atLeast(0.9, ratio.median),
      figures: `${b.toFixed(2)} by ${a.toFixed(2)} GB/s`,
    },
  ]
}

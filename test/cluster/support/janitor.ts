/**
 * Deletes the namespaces of a run once its standard input ends: when the tests are done, and just as well when they
 * were interrupted or killed, since the kernel closes the pipe. A process of its own, because vitest ends itself at a
 * signal and waits for nobody.
 *
 *   node janitor.js RUN     with KUBECONFIG
 */
import { explained } from './api-error.js'
import { Cluster } from './cluster.js'

const [run = ''] = process.argv.slice(2)
process.stdin.resume()
process.stdin.on('end', async () => {
  try {
    const names = await Cluster.connect(process.env['KUBECONFIG'] ?? '', run).deleteNamespaces()
    if (names.length > 0) console.error(`deleted: ${names.join(', ')}`)
  } catch (error) {
    console.error(
      `The namespaces of this run could not be deleted: ${explained(error)}\n` +
        `By hand: kubectl delete namespaces -l shm-liveness-tests/run=${run}`,
    )
    process.exitCode = 1
  }
})

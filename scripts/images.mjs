// Builds the image of the executables and that of the sample worker, without base images and so without a registry.
//
//   npm run images                      into the container engine that is here: podman, docker or buildah
//   npm run images -- --save FILE.tar   and writes both into one archive, to be loaded on nodes (podman, docker)
//
// SHM_LIVENESS_IMAGE and SHM_LIVENESS_WORKER_IMAGE name them; CONTAINER_ENGINE chooses the engine.
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
// With its registry written out, or containerd takes a short name for one on Docker Hub, which a node does not have.
const image = process.env.SHM_LIVENESS_IMAGE || `localhost/shm-liveness:${version}`
const workerImage = process.env.SHM_LIVENESS_WORKER_IMAGE || `localhost/shm-liveness-worker:${version}`

function stop(message, status) {
  console.error(`images: ${message}`)
  process.exit(status)
}

function run(command, args) {
  const done = spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'] })
  if (done.status !== 0)
    throw new Error(`${done.error?.message ?? `exit ${done.status}`} from: ${command} ${args.join(' ')}`)
}

function engineHere() {
  const names = process.env.CONTAINER_ENGINE ? [process.env.CONTAINER_ENGINE] : ['podman', 'docker', 'buildah']
  const found = names.find((name) => spawnSync(name, ['--version']).status === 0)
  if (found === undefined)
    stop(`no container engine: looked for ${names.join(', ')} (CONTAINER_ENGINE names another)`, 3)
  return found
}

const args = process.argv.slice(2)
if (args.length !== 0 && (args.length !== 2 || args[0] !== '--save'))
  stop('usage: npm run images [-- --save FILE.tar]', 2)
const archive = args[1]
const engine = engineHere()
if (archive !== undefined && engine.endsWith('buildah')) stop('--save needs podman or docker', 2)

const platform = ['--platform', `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`]
const context = mkdtempSync(join(tmpdir(), 'shm-liveness-images-'))
try {
  const programs = join(context, `linux-${process.arch}`)
  mkdirSync(programs)
  const copy = (name, as = name) => copyFileSync(join(root, 'build/Release', name), join(programs, as))
  for (const name of ['shm-probe', 'shm-guard']) copy(name)
  copy('shm_liveness.node', 'shm-liveness.node')
  run(process.execPath, [join(root, 'scripts/bundle-auto.mjs'), context])
  run(process.env.CXX || 'g++', [
    ...['-std=c++20', '-Wall', '-Wextra', '-Werror', '-O2', '-static', '-s', '-I', join(root, 'native')],
    ...[join(root, 'images/sample-worker/worker.cc'), '-o', join(context, 'sample-worker')],
  ])
  const build = (file, name) =>
    run(engine, ['build', '--quiet', ...platform, '--file', join(root, 'images', file), '--tag', name, context])
  build('Containerfile', image)
  build('sample-worker/Containerfile', workerImage)
  if (archive !== undefined) {
    rmSync(archive, { force: true }) // podman refuses to write over one
    const several = engine.endsWith('podman') ? ['--multi-image-archive'] : []
    run(engine, ['save', ...several, '--output', archive, image, workerImage])
  }
  console.log(`images: ${image} and ${workerImage}${archive === undefined ? '' : ` in ${archive}`}`)
} catch (error) {
  console.error(`images: ${error.message}`)
  process.exitCode = 1
} finally {
  rmSync(context, { recursive: true, force: true })
}

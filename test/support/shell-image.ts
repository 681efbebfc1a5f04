import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { images, podmanDid, sharedFolder } from './podman.js'

/** The sample worker's image with a shell and a few programs beside it. */
export const shellImage = 'localhost/shm-liveness-shell:test'

const programs = { '/bin/sh': '/bin/dash', '/bin/sleep': '/bin/sleep', '/bin/cat': '/bin/cat' }

export function buildShellImage(): void {
  buildImageOf(shellImage, programs)
}

/**
 * The sample worker's image with programs of this machine and their libraries, because no registry can be asked.
 *
 * @param programs where each is in the image, and here
 */
export function buildImageOf(image: string, programs: Record<string, string>): void {
  const context = sharedFolder(image.replaceAll(/\W/g, '-'))
  copyPrograms(join(context, 'root'), programs)
  writeFileSync(join(context, 'Containerfile'), `FROM ${images.worker}\nCOPY root /\nENTRYPOINT []\n`)
  podmanDid(['build', '--quiet', '--file', join(context, 'Containerfile'), '--tag', image, context])
}

/** Programs of this machine with their libraries, as a file system that they run in. */
export function copyPrograms(root: string, wanted: Readonly<Record<string, string>>): void {
  const files = Object.entries(wanted).flatMap(([path, program]) => [[path, program] as const, ...librariesOf(program)])
  for (const [path, source] of files) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    copyFileSync(realpathSync(source), join(root, path))
  }
}

/** Where the loader looks for each, and where it is. */
function librariesOf(program: string): (readonly [string, string])[] {
  const listed = execFileSync('ldd', [program], { encoding: 'utf8' })
  return [...listed.matchAll(/(\/\S+) \(0x/g)].map(([, path = '']) => [path, path] as const)
}

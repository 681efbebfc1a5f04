import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

const types = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
} as const

export interface Descriptor {
  mediaType: string
  digest: string
  size: number
}

export interface ImageOptions {
  /** @default now */
  created?: string | undefined
  /** Each layer holds one file of random bytes. @default [1000] */
  layerBytes?: readonly number[] | undefined
  /** Layers of another image, before its own. */
  shared?: readonly Layer[] | undefined
  architecture?: string | undefined
}

export interface Layer extends Descriptor {
  diffId: string
}

export interface Image extends Descriptor {
  layers: Layer[]
}

/** Images in a folder, as the OCI image layout has them: skopeo reads `oci:FOLDER:TAG`. Made here, because no registry can be asked. */
export class OciLayout {
  readonly folder: string
  readonly #tagged: (Descriptor & { annotations: Record<string, string> })[] = []

  constructor(folder: string) {
    this.folder = folder
    mkdirSync(join(folder, 'blobs/sha256'), { recursive: true })
    writeFileSync(join(folder, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }))
  }

  image(tag: string | undefined, options: ImageOptions = {}): Image {
    const { created = new Date().toISOString(), layerBytes = [1000], shared = [], architecture = 'amd64' } = options
    const layers = [...shared, ...layerBytes.map((bytes) => this.#layer(bytes))]
    const config = this.#blob(types.config, {
      ...{ created, architecture, os: 'linux', config: {} },
      rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    })
    const plain = layers.map(({ diffId: _, ...descriptor }) => descriptor)
    const manifest = this.#blob(types.manifest, { schemaVersion: 2, mediaType: types.manifest, config, layers: plain })
    this.#tag(tag, manifest)
    return { ...manifest, layers }
  }

  index(tag: string, images: readonly (Descriptor & { architecture: string })[]): Descriptor {
    const manifests = images.map(({ mediaType, digest, size, architecture }) => {
      return { mediaType, digest, size, platform: { os: 'linux', architecture } }
    })
    const index = this.#blob(types.index, { schemaVersion: 2, mediaType: types.index, manifests })
    this.#tag(tag, index)
    return index
  }

  #layer(bytes: number): Layer {
    const tar = tarOf('data', randomBytes(bytes))
    return { ...this.#write(types.layer, gzipSync(tar, { level: 1 })), diffId: digestOf(tar) }
  }

  #blob(mediaType: string, value: object): Descriptor {
    return this.#write(mediaType, Buffer.from(JSON.stringify(value)))
  }

  #write(mediaType: string, bytes: Buffer): Descriptor {
    const digest = digestOf(bytes)
    writeFileSync(join(this.folder, 'blobs/sha256', digest.slice('sha256:'.length)), bytes)
    return { mediaType, digest, size: bytes.length }
  }

  #tag(tag: string | undefined, descriptor: Descriptor): void {
    if (tag === undefined) return
    this.#tagged.push({ ...descriptor, annotations: { 'org.opencontainers.image.ref.name': tag } })
    writeFileSync(join(this.folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: this.#tagged }))
  }
}

export function digestOf(bytes: Buffer | string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

/** An archive of one file (ustar). */
function tarOf(name: string, content: Buffer): Buffer {
  const header = Buffer.alloc(512)
  header.write(name)
  header.write('0000644\0', 100)
  for (const at of [108, 116]) header.write('0000000\0', at)
  header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124)
  header.write('00000000000\0', 136)
  header.write('        ', 148)
  header.write('0', 156)
  header.write('ustar\x0000', 257)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  const padding = Buffer.alloc((512 - (content.length % 512)) % 512)
  return Buffer.concat([header, content, padding, Buffer.alloc(1024)])
}

/** An image's name, as container runtimes read it (distribution's reference grammar). */
const component = /^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*$/
const domain =
  /^([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[0-9A-Fa-f:]+\])(:\d{1,5})?$/
const tag = /^\w[\w.-]{0,127}$/
const digest = /^[A-Za-z][A-Za-z0-9]*([-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9A-Fa-f]{32,256}$/
const mostNameCharacters = 255

/** What is wrong with an image's name, and what to do; undefined, if nothing is. */
export function imageProblem(image: string): string | undefined {
  if (image === '') return 'must be an image, like node:20'
  if (/\s/.test(image)) return 'has white space in it; an image has none'
  if (image.includes('://')) return 'has a scheme in it; write the image without one'
  const [named = '', ...digests] = image.split('@')
  if (digests.length > 1 || (digests[0] !== undefined && !digest.test(digests[0]))) {
    return 'has no digest behind its @; write name@sha256: and 64 hexadecimal digits'
  }
  const colon = named.lastIndexOf(':')
  const hasTag = colon > named.lastIndexOf('/')
  if (hasTag && !tag.test(named.slice(colon + 1))) {
    return 'has no tag behind its last colon: up to 128 of A-Z a-z 0-9 _ . -, and no . or - first'
  }
  return nameProblem(hasTag ? named.slice(0, colon) : named)
}

function nameProblem(name: string): string | undefined {
  if (name.length > mostNameCharacters) return `has a name of more than ${mostNameCharacters} characters`
  const parts = name.split('/')
  // A first part is a registry only if it looks like one; else it belongs to Docker Hub's names.
  const first = parts[0] ?? ''
  const hasDomain = parts.length > 1 && (/[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase())
  if (hasDomain && !domain.test(first)) return `has no registry in front: "${first}" is no host, or host:port`
  const odd = (hasDomain ? parts.slice(1) : parts).find((part) => !component.test(part))
  if (odd === undefined) return undefined
  if (odd === '') return 'has an empty part between its slashes'
  if (component.test(odd.toLowerCase())) return `has capital letters ("${odd}"); a repository's name has none`
  return `has a part that no repository's name has: "${odd}"`
}

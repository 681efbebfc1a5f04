import type { V1Secret } from '@kubernetes/client-node'
import { statusOf } from '../api/api-error.js'
import type { BuildApi } from '../api/build-api.js'
import { found } from '../api/found.js'
import { RunnerError } from '../model/runner-error.js'
import type { LaunchInput } from './launch-input.js'
import { jobName, labels, secretName } from './names.js'
import { ownedBy, secretManifest } from './secret.js'

/** A stale Secret is deleted, and the name is free; somebody else may be as quick, but hardly ever. */
const mostTries = 5

type Owner = { name: string; uid: string }

/** The Secret of a build in a queue, before its Job: without an owner, until `ensureOwnedSecret` adopts it. */
export async function ensureEarlySecret(api: BuildApi, input: LaunchInput): Promise<V1Secret> {
  const manifest = secretManifest(input)
  const job = jobName(input.build.id, input.attempt)
  return await place(api, manifest, undefined, async (there) => {
    const owner = ownerOf(there)
    if (owner === undefined) return isSameContent(there, manifest)
    // Another runner may be launching the same build, and be further.
    return (await found(api.readJob(job)))?.metadata?.uid === owner
  })
}

/** Takes an early Secret back, of a launch that comes to no Job; one that another runner has touched since stays. */
export async function removeEarlySecret(api: BuildApi, { metadata }: V1Secret): Promise<void> {
  const { name = '', uid, resourceVersion } = metadata ?? {}
  try {
    await found(api.deleteSecret(name, { uid, resourceVersion }))
  } catch (error) {
    if (statusOf(error) !== 409) throw error
  }
}

/**
 * The Secret, owned by the Job: created, or adopted where it was made before the Job.
 *
 * @param isEarly whether it most likely was
 */
export async function ensureOwnedSecret(
  api: BuildApi,
  input: LaunchInput,
  owner: Owner,
  { isEarly }: { isEarly: boolean },
): Promise<void> {
  const manifest = secretManifest(input, owner)
  const fits = async (secret: V1Secret) => {
    const uid = ownerOf(secret)
    return uid === owner.uid || (uid === undefined && isSameContent(secret, manifest))
  }
  const early = isEarly ? await found(api.readSecret(manifest.metadata?.name ?? '')) : undefined
  const there = early !== undefined && (await fits(early)) ? early : await place(api, manifest, owner.uid, fits)
  if (ownerOf(there) === owner.uid) return
  const adopted = { metadata: { uid: there.metadata?.uid, ownerReferences: [ownedBy(owner)] } }
  const done = await found(api.patchSecret(secretName(input.build.id, input.attempt), adopted))
  // `gc` of a runner with another clock may have taken it in between.
  if (done === undefined) await api.createSecret(manifest)
}

/**
 * Creates the Secret, or takes what is there if it fits. One that is left over by an earlier Job of this name is deleted,
 * as its garbage collection would; one of anybody else's stays.
 *
 * @param own the uid of the build's Job, if that is there
 */
async function place(
  api: BuildApi,
  manifest: V1Secret,
  own: string | undefined,
  fits: (there: V1Secret) => Promise<boolean>,
): Promise<V1Secret> {
  const name = manifest.metadata?.name ?? ''
  for (let attempt = 1; attempt <= mostTries; attempt++) {
    try {
      return await api.createSecret(manifest)
    } catch (error) {
      if (statusOf(error) !== 409) throw error
    }
    const there = await found(api.readSecret(name))
    if (there === undefined) continue
    if (await fits(there)) return there
    if (!(await isLeftOver(api, there, manifest, own))) throw foreign(there)
    const { uid, resourceVersion } = there.metadata ?? {}
    await deletedOrChanged(api.deleteSecret(name, { uid, resourceVersion }))
  }
  throw new RunnerError(
    'API',
    `Secret ${name} is there, is not this build's, and is made anew whenever it is deleted`,
    `see who makes it: kubectl -n ${manifest.metadata?.namespace} get secret ${name} -o yaml --show-managed-fields`,
  )
}

/** Whether this runner made it, for this very attempt of this build, and its Job is gone. */
async function isLeftOver(
  api: BuildApi,
  { metadata = {} }: V1Secret,
  manifest: V1Secret,
  own: string | undefined,
): Promise<boolean> {
  const expected = manifest.metadata?.labels
  const told = [labels.app, labels.tier, labels.build]
  if (told.some((label) => metadata.labels?.[label] !== expected?.[label])) return false
  const { ownerReferences: owners = [] } = metadata
  if (owners.some(({ kind }) => kind !== 'Job')) return false
  if (owners.length === 0) {
    const job = (await found(api.readJob(metadata.name ?? '')))?.metadata?.uid
    return job === undefined || job === own
  }
  for (const { name, uid } of owners) if ((await found(api.readJob(name)))?.metadata?.uid === uid) return false
  return true
}

function foreign({ metadata = {} }: V1Secret): RunnerError {
  const { name, namespace } = metadata
  return new RunnerError(
    'BUILD_EXISTS',
    `Secret ${name} in namespace ${namespace} is in the way: it is not this build's, or its Job is still there`,
    `choose another id for the build, or see whose it is: kubectl -n ${namespace} get secret ${name} -o jsonpath={.metadata}`,
  )
}

async function deletedOrChanged(deletion: Promise<void>): Promise<void> {
  try {
    await found(deletion)
  } catch (error) {
    if (statusOf(error) !== 409) throw error
  }
}

function ownerOf(secret: V1Secret): string | undefined {
  return secret.metadata?.ownerReferences?.find(({ kind }) => kind === 'Job')?.uid
}

function isSameContent(one: V1Secret, other: V1Secret): boolean {
  const keys = Object.keys({ ...one.data, ...other.data })
  return keys.every((key) => one.data?.[key] === other.data?.[key])
}

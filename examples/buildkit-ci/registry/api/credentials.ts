import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { z } from 'zod'
import { RunnerError } from '../../../kata-build-runner/model/runner-error.js'
import type { Endpoint } from './endpoint.js'

export interface Credentials {
  user: string
  password: string
  /** An OAuth2 refresh token in place of a password, as `docker login` of some clouds stores it. */
  identityToken?: string | undefined
}

const entry = z.looseObject({
  auth: z.string().optional(),
  username: z.string().optional(),
  password: z.string().optional(),
  identitytoken: z.string().optional(),
})
/** Docker's `config.json`, as far as it is about credentials. */
const dockerConfig = z.looseObject({
  auths: z.record(z.string(), entry).default({}),
  credHelpers: z.record(z.string(), z.string()).default({}),
  credsStore: z.string().optional(),
})
const helperAnswer = z.looseObject({ Username: z.string(), Secret: z.string() })

const helperLimitMs = 30_000

/** Docker Hub is still under the name of its first API. */
const hubKeys = ['https://index.docker.io/v1/', 'docker.io', 'index.docker.io', 'registry-1.docker.io']

/**
 * The credentials that `docker login` left for a registry, or a Secret of type `kubernetes.io/dockerconfigjson` has;
 * undefined, if there are none.
 *
 * @param env `DOCKER_CONFIG` names the folder of `config.json`; without it, it is `~/.docker`
 * @throws RunnerError `CONNECTION`, if the file or a credential helper cannot be used
 */
export async function credentialsFor(
  { name }: Endpoint,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Credentials | undefined> {
  const path = join(env['DOCKER_CONFIG'] ?? join(homedir(), '.docker'), 'config.json')
  const config = await readConfig(path)
  if (config === undefined) return undefined
  const keys = name === 'docker.io' ? hubKeys : [name, `https://${name}`, `http://${name}`, `https://${name}/v2/`]
  const helperKey = keys.find((key) => config.credHelpers[key] !== undefined)
  if (helperKey !== undefined) return await askHelper(config.credHelpers[helperKey] as string, helperKey)
  const key = keys.find((each) => config.auths[each] !== undefined)
  if (key === undefined) return undefined
  const stored = fromEntry(config.auths[key] ?? {})
  // `docker login` with a store leaves an empty entry, which says for which registries the store has something.
  return stored ?? (config.credsStore === undefined ? undefined : await askHelper(config.credsStore, key))
}

async function readConfig(path: string): Promise<z.output<typeof dockerConfig> | undefined> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw unusable(path, (error as Error).message, error)
  }
  try {
    return dockerConfig.parse(JSON.parse(text))
  } catch (error) {
    // The parser quotes the text, in which the passwords are.
    throw unusable(path, error instanceof SyntaxError ? 'it is not JSON' : 'its keys are not those of docker', error)
  }
}

function fromEntry({ auth, username, password, identitytoken }: z.output<typeof entry>): Credentials | undefined {
  const decoded = Buffer.from(auth ?? '', 'base64').toString()
  const colon = decoded.indexOf(':')
  const [authUser, authPassword] = colon < 0 ? [] : [decoded.slice(0, colon), decoded.slice(colon + 1)]
  const user = username ?? authUser ?? ''
  const secret = password ?? authPassword ?? ''
  if (secret === '' && identitytoken === undefined) return undefined
  return { user, password: secret, identityToken: identitytoken }
}

/** The protocol of docker-credential-helpers: the server's name on standard input, JSON on standard output. */
async function askHelper(helper: string, server: string): Promise<Credentials | undefined> {
  const program = `docker-credential-${helper}`
  const running = promisify(execFile)(program, ['get'], { timeout: helperLimitMs })
  running.child.stdin?.on('error', () => {}) // a helper that does not read is judged by its answer
  running.child.stdin?.end(server)
  let answer: string
  try {
    answer = (await running).stdout
  } catch (error) {
    const said = `${(error as { stdout?: string }).stdout ?? ''}`
    if (said.includes('credentials not found')) return undefined
    throw unusable(program, error instanceof Error ? error.message : String(error), error)
  }
  return fromAnswer(program, answer)
}

function fromAnswer(program: string, answer: string): Credentials {
  try {
    const { Username, Secret } = helperAnswer.parse(JSON.parse(answer))
    // The helpers' word for "Secret is an identity token".
    return Username === '<token>'
      ? { user: '', password: '', identityToken: Secret }
      : { user: Username, password: Secret }
  } catch (error) {
    // As above: the parser quotes the text, in which the secret is.
    const why = error instanceof SyntaxError ? 'its answer is not JSON' : 'its answer lacks Username or Secret'
    throw unusable(program, why, error)
  }
}

function unusable(what: string, why: string, cause: unknown): RunnerError {
  return new RunnerError(
    'CONNECTION',
    `cannot get credentials from ${what}: ${why}`,
    'log in again (docker login, podman login --compat-auth-file), or point DOCKER_CONFIG to the folder of a usable config.json',
    { cause },
  )
}

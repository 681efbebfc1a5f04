/** Which processes claim a slot: NODE_OPTIONS reaches all that a program starts, and its package manager. */
import { invalid } from '../errors.js'

const wishVariable = 'SHM_LIVENESS_AUTO'
/** Set by the first process that is supervised: its pid. What it starts inherits the variable, and is told apart by it. */
export const claimantVariable = 'SHM_LIVENESS_AUTO_PID'

export type Role =
  /** The program. */
  | 'program'
  /** A process that the program has started, and is to be supervised, too. */
  | 'child'
  /** Claims nothing, and leaves the processes that it starts free to be the program. */
  | 'none'

export interface Start {
  env: Readonly<Record<string, string | undefined>>
  pid: number
  /** The script, as in `process.argv[1]`; undefined: there is none (`node -e`, a REPL). */
  script: string | undefined
}

/** @throws LivenessError `INVALID_OPTION`: the variable has another value */
export function roleOf({ env, pid, script }: Start): Role {
  const wish = env[wishVariable] || '1'
  if (wish === '0' || wish === 'false') return 'none'
  if (wish !== '1' && wish !== 'true' && wish !== 'children') {
    throw invalid(wishVariable, '0, 1 or children', wish)
  }
  if (isLauncher(script) || isInstallScript(env)) return 'none'
  const claimant = env[claimantVariable]
  // After an exec (process.execve) the program has the pid that it had.
  if (!claimant || claimant === String(pid)) return 'program'
  return wish === 'children' ? 'child' : 'none'
}

/** Programs that start the program and wait for it. Each is a package and a command of that name. */
const launchers = new Set([
  ...['npm', 'npx', 'yarn', 'yarnpkg', 'pnpm', 'pnpx', 'corepack'],
  ...['cross-env', 'cross-env-shell', 'dotenv', 'dotenv-cli', 'env-cmd', 'nodemon', 'tsx'],
])

function isLauncher(script: string | undefined): boolean {
  if (script === undefined) return false
  const parts = script.split('/')
  // npm's own file is npm-cli.js, yarn's yarn.js, and that of a pinned yarn yarn-4.1.0.cjs.
  const command = (parts.at(-1) ?? '').replace(/\.[cm]?js$/, '').replace(/-(cli|\d[\w.]*)$/, '')
  const packageName = parts[parts.lastIndexOf('node_modules') + 1] ?? ''
  return launchers.has(command) || (parts.includes('node_modules') && launchers.has(packageName))
}

/** What npm runs while it installs or packs, by the name of the script. */
const installScript = /^(pre|post)?(install|prepare|pack|publish|version|uninstall)$|^prepublishOnly$|^dependencies$/

function isInstallScript(env: Start['env']): boolean {
  return installScript.test(env['npm_lifecycle_event'] ?? '')
}

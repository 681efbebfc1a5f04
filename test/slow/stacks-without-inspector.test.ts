import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Program } from '../support/program.js'
import { uniqueRegion } from '../support/region.js'
import { scriptFolder } from '../support/scripts.js'
import { until } from '../support/until.js'
import { workersOf } from '../support/workers.js'

/** dlsym() as in an executable that was built by `configure --without-inspector`: its symbols are not there. */
const hider = `#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>
#include <stdio.h>
void *dlsym(void *handle, const char *name) {
  static void *(*real)(void *, const char *);
  if (real == NULL) real = (void *(*)(void *, const char *))dlvsym(RTLD_NEXT, "dlsym", SYMBOL_VERSION);
  if (strstr(name, "inspector") != NULL) {
    puts("hidden");
    fflush(stdout);
    return NULL;
  }
  return real(handle, name);
}`
const symbolVersion = process.arch === 'x64' ? 'GLIBC_2.2.5' : 'GLIBC_2.17'

/** What such a Node.js does where somebody asks for the module. */
const withoutModule = `const Module = require('node:module')
const load = Module._load
Module._load = function (name, ...others) {
  if (!/^(node:)?inspector(\\/|$)/.test(name)) return load.call(this, name, ...others)
  throw Object.assign(new Error('Inspector is not available'), { code: 'ERR_INSPECTOR_NOT_AVAILABLE' })
}
Object.defineProperty(process.features, 'inspector', { value: false })`

const hangs = `import { claim } from './claim.mjs'
import { pbkdf2Sync } from 'node:crypto'
import { createRequire } from 'node:module'
try {
  createRequire(import.meta.url)('node:inspector')
} catch ({ code }) {
  console.log('inspector', code)
}
const heartbeat = claim('worker', { stacks: true })
console.log('stacks', JSON.stringify(heartbeat.stacks))
const spin = () => { for (;;) ; }
const derive = () => pbkdf2Sync('a', 'b', 2_000_000_000, 64, 'sha512')
process.argv[2] === 'spin' ? spin() : derive()`

/** Runs it, once it is known that a Node.js without inspector is what it runs in. */
async function start(hang: 'spin' | 'derive'): Promise<{ program: Program; region: string }> {
  const folder = scriptFolder({ 'hider.c': hider, 'without.cjs': withoutModule, 'main.mjs': hangs })
  const library = join(folder, 'hider.so')
  const flags = ['-shared', '-fPIC', `-DSYMBOL_VERSION="${symbolVersion}"`]
  execFileSync('gcc', [...flags, join(folder, 'hider.c'), '-o', library, '-ldl'])
  const region = uniqueRegion()
  const args = ['--require', join(folder, 'without.cjs'), join(folder, 'main.mjs'), hang]
  const program = Program.run(process.execPath, args, { SHM_LIVENESS_REGION: region, LD_PRELOAD: library })
  expect(await program.said('inspector')).toBe('ERR_INSPECTOR_NOT_AVAILABLE')
  return { program, region }
}

const placeIn = (region: string) => until('its place is there', () => workersOf(region)['worker']?.where)

describe('a Node.js without inspector', () => {
  it('has stacks as any other', async () => {
    const { program, region } = await start('spin')
    expect(await program.said('stacks')).toBe('{"by":"interrupt"}')
    expect(await placeIn(region)).toMatchObject({
      kind: 'javascript',
      frames: [expect.stringMatching(/^spin \(/), expect.stringContaining('main.mjs')],
    })
    expect(program.stderr).toBe('')
  })

  it('is not asked for a debugger where native code hangs, and its place is told', async () => {
    const { program, region } = await start('derive')
    await program.said('hidden')
    expect(await placeIn(region)).toMatchObject({ kind: 'native', frames: [expect.stringMatching(/^running in /)] })
    expect(program.stderr).toBe('')
  })
})

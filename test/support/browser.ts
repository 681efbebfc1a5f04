/** Chromium without a window, asked by its own protocol over a pipe (--remote-debugging-pipe). */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { afterAll } from 'vitest'

/** undefined: there is none on this machine. */
export const chromium = ['chromium', 'chromium-browser', 'google-chrome']
  .flatMap((name) => (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, name)))
  .find((path) => existsSync(path))

interface Message {
  id?: number
  method?: string
  params?: Record<string, unknown>
  result?: Record<string, unknown>
  error?: { message: string }
}

export interface PageSettings {
  scheme: 'light' | 'dark'
  widthPx: number
}

export class Browser {
  readonly #profile = mkdtempSync(join(tmpdir(), 'chromium-'))
  readonly #child: ChildProcess
  readonly #pending = new Map<number, (message: Message) => void>()
  #events: Message[] = []
  #lastId = 0

  constructor() {
    const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--remote-debugging-pipe']
    this.#child = spawn(chromium as string, [...flags, `--user-data-dir=${this.#profile}`], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    })
    let rest = ''
    ;(this.#child.stdio[4] as Readable).setEncoding('utf8').on('data', (text: string) => {
      const parts = (rest + text).split('\0')
      rest = parts.pop() as string
      for (const part of parts) this.#take(JSON.parse(part))
    })
    afterAll(() => this.#close())
  }

  /** Opens a page anew. What it logs, asks for and breaks is kept from its first moment on. */
  async open(url: string, { scheme, widthPx }: PageSettings): Promise<Page> {
    const { targetId } = await this.#send('Target.createTarget', { url: 'about:blank' })
    const { sessionId } = await this.#send('Target.attachToTarget', { targetId, flatten: true })
    const ask = (method: string, params: object = {}) => this.#send(method, params, sessionId as string)
    this.#events = []
    for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await ask(`${domain}.enable`)
    await ask('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: scheme }] })
    const size = { width: widthPx, height: 800, deviceScaleFactor: 1, mobile: widthPx < 600 }
    await ask('Emulation.setDeviceMetricsOverride', size)
    const { frameId } = await ask('Page.navigate', { url })
    const isLoaded = () => this.#events.some(({ method }) => method === 'Page.loadEventFired')
    while (!isLoaded()) await ask('Runtime.evaluate', { expression: `'${frameId}'` })
    return {
      evaluate: async (expression) => {
        const answer = await ask('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true })
        if (answer['exceptionDetails'] !== undefined) throw new Error(JSON.stringify(answer['exceptionDetails']))
        return (answer['result'] as { value: unknown }).value
      },
      requests: this.#all('Network.requestWillBeSent').map(({ request }) => (request as { url: string }).url),
      complaints: [
        ...this.#all('Log.entryAdded').map(({ entry }) => (entry as { text: string }).text),
        ...this.#all('Runtime.consoleAPICalled').map((call) => JSON.stringify(call)),
        ...this.#all('Runtime.exceptionThrown').map((thrown) => JSON.stringify(thrown)),
      ],
    }
  }

  #all(method: string): Record<string, unknown>[] {
    return this.#events.filter((event) => event.method === method).map(({ params = {} }) => params)
  }

  #take(message: Message): void {
    if (message.id === undefined) this.#events.push(message)
    else this.#pending.get(message.id)?.(message)
  }

  async #send(method: string, params: object, sessionId?: string): Promise<Record<string, unknown>> {
    const id = ++this.#lastId
    const answered = new Promise<Message>((resolve) => this.#pending.set(id, resolve))
    ;(this.#child.stdio[3] as Writable).write(`${JSON.stringify({ id, method, params, sessionId })}\0`)
    const { result, error } = await answered
    if (error !== undefined) throw new Error(`${method}: ${error.message}`)
    return result ?? {}
  }

  async #close(): Promise<void> {
    const ended = once(this.#child, 'exit')
    await this.#send('Browser.close', {})
    await ended
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 })
  }
}

export interface Page {
  evaluate(expression: string): Promise<unknown>
  /** The URLs that it asked for until it was loaded. */
  requests: string[]
  /** What its console has. */
  complaints: string[]
}

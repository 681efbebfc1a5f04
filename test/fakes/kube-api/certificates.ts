import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface Certificates {
  /** PEM, as all of them. */
  ca: string
  cert: string
  key: string
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

let shared: Promise<Certificates> | undefined

/** Those of all servers of this process: they take openssl longer than all else that a server needs. */
export async function sharedCertificates(): Promise<Certificates> {
  shared ??= makeCertificates()
  return await shared
}

/**
 * A certificate authority of its own, and a certificate of 127.0.0.1 and localhost that it signed, made by the openssl
 * command.
 */
export async function makeCertificates(): Promise<Certificates> {
  const folder = await mkdtemp(join(tmpdir(), 'fake-kube-certificates-'))
  try {
    return await madeIn(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function madeIn(folder: string): Promise<Certificates> {
  const path = (name: string) => join(folder, name)
  const openssl = (...args: string[]) => run('openssl', args)
  await writeFile(
    path('server.cnf'),
    'subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:kubernetes.default\nextendedKeyUsage=serverAuth\n',
  )
  await openssl(
    'req',
    '-x509',
    ...newKey,
    '-days',
    '2',
    '-subj',
    '/CN=fake-kube-ca',
    '-keyout',
    path('ca.key'),
    '-out',
    path('ca.crt'),
  )
  await openssl(
    'req',
    ...newKey,
    '-subj',
    '/CN=fake-kube-api',
    '-keyout',
    path('server.key'),
    '-out',
    path('server.csr'),
  )
  await openssl(
    ...['x509', '-req', '-in', path('server.csr'), '-CA', path('ca.crt'), '-CAkey', path('ca.key'), '-CAcreateserial'],
    ...['-days', '2', '-extfile', path('server.cnf'), '-out', path('server.crt')],
  )
  const text = (name: string) => readFile(path(name), 'utf8')
  return { ca: await text('ca.crt'), cert: await text('server.crt'), key: await text('server.key') }
}

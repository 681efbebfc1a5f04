import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

/** PEM files. */
export interface CertificateFiles {
  caCert: string
  cert: string
  key: string
}

/** A certificate that signed itself: authority, daemon and client in one. */
export function certificate(folder: string, name: string, host: string): CertificateFiles {
  const [cert, key] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)] as [string, string]
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const subject = ['-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`]
  execFileSync('openssl', ['req', '-x509', ...ec, '-days', '2', ...subject, '-keyout', key, '-out', cert], {
    stdio: 'pipe',
  })
  return { caCert: cert, cert, key }
}

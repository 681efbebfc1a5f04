import { ApiException } from '@kubernetes/client-node'
import { describe, expect, it } from 'vitest'
import {
  isTransient,
  isTrouble,
  isUntrusted,
  retryAfterMs,
  statusOf,
} from '../../../examples/kata-build-runner/api/api-error.js'
import { explained } from '../../../examples/kata-build-runner/api/explained.js'
import { found } from '../../../examples/kata-build-runner/api/found.js'
import { RunnerError } from '../../../examples/kata-build-runner/model/runner-error.js'

const refused = (code: number, body: unknown = '', headers: Record<string, string> = {}) =>
  new ApiException(code, 'Unknown API Status Code!', body, headers)
const coded = (code: string, message = 'it went wrong') => Object.assign(new Error(message), { code })
const say = (error: unknown) => explained('read Job a-1', 'https://a.test', error)

describe('what an error says', () => {
  it('is its status, however often it was wrapped', () => {
    expect(statusOf(refused(409))).toBe(409)
    expect(statusOf(new Error('outer', { cause: new Error('inner', { cause: refused(404) }) }))).toBe(404)
    expect(statusOf(say(refused(403)))).toBe(403)
    expect(statusOf(coded('ECONNRESET'))).toBeUndefined()
    expect(statusOf(undefined)).toBeUndefined()
  })

  it.each([400, 401, 403, 404, 409, 410, 413, 422, 501])('%i is for good', (status) => {
    expect(isTransient(refused(status))).toBe(false)
  })
  it.each([408, 429, 500, 502, 503, 504])('%i may pass', (status) => {
    expect(isTransient(refused(status))).toBe(true)
  })

  it('a broken connection may pass; a certificate that is not trusted, a mistake of ours, and an end do not', () => {
    for (const code of ['ECONNRESET', 'ECONNREFUSED', 'ETIMEDOUT', 'EAI_AGAIN', 'ERR_STREAM_PREMATURE_CLOSE']) {
      expect([code, isTransient(coded(code))]).toEqual([code, true])
    }
    for (const code of ['DEPTH_ZERO_SELF_SIGNED_CERT', 'CERT_HAS_EXPIRED', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE']) {
      expect([code, isTransient(coded(code)), isUntrusted(coded(code))]).toEqual([code, false, true])
    }
    expect(isTransient(new TypeError('undefined is no function'))).toBe(false)
    expect(isTrouble(new TypeError('undefined is no function'))).toBe(false)
    expect(isTransient(Object.assign(new Error('aborted'), { name: 'AbortError' }))).toBe(false)
    expect(isTransient(new SyntaxError('Unexpected token <'))).toBe(true)
  })
})

describe('when to come back', () => {
  const now = Date.parse('2026-11-24T10:00:00Z')
  it.each([
    ['seconds', { 'retry-after': '7' }, 7000],
    ['a date', { 'Retry-After': 'Tue, 24 Nov 2026 10:00:05 GMT' }, 5000],
    ['a date that is over', { 'retry-after': 'Tue, 24 Nov 2026 09:00:00 GMT' }, 0],
    [
      "a date by the server's own clock",
      { 'retry-after': 'Tue, 24 Nov 2026 12:00:05 GMT', date: 'Tue, 24 Nov 2026 12:00:00 GMT' },
      5000,
    ],
    ['an hour', { 'retry-after': '3600' }, 60_000],
    ['nothing that can be read', { 'retry-after': 'soon' }, undefined],
  ])('is told in the header, as %s', (_, headers, expected) => {
    expect(retryAfterMs(refused(429, '', headers as unknown as Record<string, string>), now)).toBe(expected)
  })
  it('is told in the body', () => {
    expect(retryAfterMs(refused(503, '{"details":{"retryAfterSeconds":2}}'))).toBe(2000)
    expect(retryAfterMs(new RunnerError('API', 'x', 'y', { cause: refused(429, '', { 'retry-after': '1' }) }))).toBe(
      1000,
    )
    expect(retryAfterMs(coded('ECONNRESET'))).toBeUndefined()
  })
})

describe('an error for people', () => {
  it('says what was asked for, who refused, in which words, and what to do', () => {
    const body = JSON.stringify({ message: 'jobs.batch "a-1" is forbidden:\n\u001b[31mno' })
    const error = say(refused(403, body)) as RunnerError
    expect(error).toMatchObject({ code: 'API', remedy: expect.stringContaining('rbac.yaml') })
    expect(error.message).toBe(
      'read Job a-1: the API server refused with 403: jobs.batch "a-1" is forbidden: \ufffd[31mno',
    )
  })
  it("has a proxy's page as its first line, and a status at least", () => {
    expect((say(refused(502, '<html>\nBad Gateway')) as Error).message).toContain('502: <html>')
    expect((say(refused(401, undefined)) as Error).message).toContain('HTTP status 401')
  })
  it('names the server that does not answer, or cannot be trusted', () => {
    expect(say(coded('ECONNREFUSED'))).toMatchObject({
      code: 'API',
      message: 'read Job a-1: no answer from https://a.test: it went wrong (ECONNREFUSED)',
    })
    expect(say(coded('CERT_HAS_EXPIRED', 'certificate has expired'))).toMatchObject({ code: 'CONNECTION' })
  })
  it('is the error itself where the mistake is ours', () => {
    const mistake = new TypeError('x')
    expect(say(mistake)).toBe(mistake)
  })
  it('that something does not exist is no error to whom it is none', async () => {
    expect(await found(Promise.reject(say(refused(404))))).toBeUndefined()
    await expect(found(Promise.reject(say(refused(403))))).rejects.toMatchObject({ code: 'API' })
    expect(await found(Promise.resolve(3))).toBe(3)
  })
})

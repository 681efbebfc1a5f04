import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { harmless, plain, plainLines, shortened } from '../../../examples/kata-build-runner/model/plain-text.js'

describe('a foreign text', () => {
  it('keeps what can be read, on one line', () => {
    expect(plain('  pull access denied:\r\n\trepository "größe/图" ✓ ')).toBe(
      'pull access denied: repository "größe/图" ✓',
    )
  })

  it('cannot move the cursor, nor turn the direction of writing around', () => {
    expect(plain('a\u001b[2Jb\u009b31mc\u202ed\u2066e\u0000f\u007fg\u200bh')).toBe(
      'a\ufffd[2Jb\ufffd31mc\ufffdd\ufffde\ufffdf\ufffdg\ufffdh',
    )
  })

  it('has no control character, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        expect(plain(text)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
      }),
    )
  })

  it('may keep its lines, and nothing else that controls a terminal', () => {
    expect(plainLines('a  b\n  c\r\u001b[2J\n')).toBe('a  b\n  c\ufffd\ufffd[2J\n')
  })

  it('for programs keeps its length and its spaces', () => {
    expect(harmless(` a  ${'x'.repeat(5000)}\u001b\u2028`)).toBe(` a  ${'x'.repeat(5000)}\ufffd\ufffd`)
  })

  it('is cut between characters', () => {
    expect(shortened('ab😀cd', 4)).toBe('ab😀…')
    expect(shortened('ab😀c', 4)).toBe('ab😀c')
    expect(plain('x'.repeat(5000), 10)).toBe(`${'x'.repeat(9)}…`)
  })
})

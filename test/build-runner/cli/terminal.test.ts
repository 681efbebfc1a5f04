import { expect, it } from 'vitest'
import { Desk } from './desk.js'

it('an error that quotes a file does not control the terminal', async () => {
  const desk = await Desk.open()
  const evil = 'annotations: {screwdriver.cd/executor: "x\\e]0;pwned\\a\\e[2J\\u202e"}\n'
  const { code, stderr } = await desk.call('run', desk.build('evil', evil))
  expect(code).toBe(2)
  expect(stderr).toContain('x\ufffd]0;pwned')
  expect(stderr).toContain('\n  what to do: ')
  expect(stderr.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u)
})

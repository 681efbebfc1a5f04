import { describe, expect, it } from 'vitest'
import { imageProblem } from '../../../examples/kata-build-runner/config/image-name.js'

const digest = `sha256:${'0'.repeat(64)}`

describe('an image', () => {
  it.each([
    ...['node', 'node:20', 'node:20-Bookworm_slim.1', 'library/node', 'screwdrivercd/launcher:stable'],
    ...['localhost/a', 'localhost:5000/a', 'registry.example:5000/a/b_c/d__e/f--g.h:1', 'Registry/a', '[::1]:5000/a'],
    ...[`node@${digest}`, `node:20@${digest}`, 'a:5000', 'example.com/rhel6'],
  ])('may be %s', (image) => expect(imageProblem(image)).toBeUndefined())

  it.each([
    ['', 'must be an image'],
    ['node 20', 'has white space'],
    [' node', 'has white space'],
    ['node\n', 'has white space'],
    ['Node:20', 'has capital letters ("Node")'],
    ['example.com/My/app', 'has capital letters ("My")'],
    ['https://example.com/a', 'has a scheme'],
    ['node:', 'has no tag behind its last colon'],
    ['node:-a', 'has no tag'],
    [`node:${'a'.repeat(129)}`, 'has no tag'],
    ['node@sha256:123', 'has no digest'],
    [`node@${digest}@${digest}`, 'has no digest'],
    ['a//b', 'has an empty part'],
    ['/a', 'has an empty part'],
    ['a/', 'has an empty part'],
    ['a___b', 'has a part that no'],
    ['-a', 'has a part that no'],
    ['a:b:c', 'has a part that no'],
    ['example..com/a', 'has no registry in front'],
    ['ex_ample.com/a', 'has no registry in front'],
    ['a'.repeat(256), 'has a name of more than 255'],
  ])('cannot be %j', (image, message) => expect(imageProblem(image)).toContain(message))

  it('is judged without trying all ways to cut it, which would take years', () => {
    const began = performance.now()
    imageProblem(`${'a-'.repeat(100_000)}_`)
    imageProblem(`${'a.'.repeat(100_000)}/a`)
    expect(performance.now() - began).toBeLessThan(20_000)
  })
})

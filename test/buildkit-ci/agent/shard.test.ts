import { describe, expect, it } from 'vitest'
import { shardOf } from '../../../examples/buildkit-ci/agent/shard.js'

const shards = (count: number) =>
  Array.from({ length: count }, (_, index) => `tcp://buildkitd-${index}.buildkitd:1234`) as [string, ...string[]]
const repositories = Array.from({ length: 1000 }, (_, index) => `team/app-${index}`)

describe('the shard of a repository', () => {
  it('is always the same', () => {
    expect(shardOf('team/app', shards(4))).toBe(shardOf('team/app', shards(4)))
    const [first, ...others] = shards(4)
    expect(shardOf('team/app', [...others, first] as unknown as [string, ...string[]])).toBe(
      shardOf('team/app', shards(4)),
    )
  })

  it('is each one for about as many repositories', () => {
    const counts = shards(4).map((shard) => repositories.filter((name) => shardOf(name, shards(4)) === shard).length)
    for (const count of counts) expect(count).toBeGreaterThan(190)
  })

  it('changes for few repositories when a shard is added, and then to the new one', () => {
    const moved = repositories.filter((name) => shardOf(name, shards(4)) !== shardOf(name, shards(5)))
    expect(moved.length).toBeLessThan(260)
    for (const name of moved) expect(shardOf(name, shards(5))).toBe(shards(5)[4])
  })
})

/** What users of shm-liveness/kubernetes may write, and what they may not. Compiled by types.test.ts, never run. */
import type { IContainer } from 'kubernetes-models/v1/Container'
import type { IProbe } from 'kubernetes-models/v1/Probe'
import {
  detectionBudget,
  type ExecProbe,
  type Finding,
  type HttpGetProbe,
  type lint,
  type ProbesOptions,
  probes,
  settingsWithin,
  wire,
} from 'shm-liveness/kubernetes'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function same<A, B>(_really: Same<A, B>): void {}

// Each question has its probe, of the kind that was asked for.
const exec = probes()
same<(typeof exec)['startupProbe'], ExecProbe>(true)
same<(typeof exec)['livenessProbe'], ExecProbe>(true)
const http = probes({ via: 'httpGet' })
same<(typeof http)['readinessProbe'], HttpGetProbe>(true)
const some = probes({ startup: false, readiness: { successThreshold: 2 } })
same<(typeof some)['readinessProbe'], ExecProbe>(true)
// @ts-expect-error it was switched off
some.startupProbe
declare const options: ProbesOptions
const perhaps = probes(options)
same<(typeof perhaps)['livenessProbe'], ExecProbe | HttpGetProbe | undefined>(true)

// What the API has not, these have not.
same<Exclude<keyof ExecProbe | keyof HttpGetProbe, keyof IProbe>, never>(true)
const container: IContainer = { name: 'camera', image: 'camera:1', ...probes(), ...probes({ via: 'httpGet' }) }

// @ts-expect-error readiness ends nothing
probes({ readiness: { terminationGracePeriodSeconds: 5 } })
// @ts-expect-error the API admits 1
probes({ liveness: { successThreshold: 2 } })
// @ts-expect-error there is no such option
probes({ livness: {} })
// @ts-expect-error there are two ways
probes({ via: 'tcpSocket' })
// @ts-expect-error seconds are numbers
probes({ liveness: { periodSeconds: '1s' } })

// What goes in comes out.
same<ReturnType<typeof wire<{ kind: 'Job'; of: number }>>, { kind: 'Job'; of: number }>(true)
wire({ containers: [container] }, { containers: ['camera'], guard: { restart: 3, grace: '2s' }, via: 'exec' })
// @ts-expect-error a text is no manifest
wire('kind: Pod')
// @ts-expect-error there is no such option
wire({}, { container: 'camera' })
same<ReturnType<typeof lint>, Finding[]>(true)
// @ts-expect-error without a max age there is no budget
detectionBudget({})
const answer = settingsWithin({ maxAge: '1s', within: '5s' })
if (answer.by === 'kubelet') same<typeof answer.worstSeconds, number>(true)
// @ts-expect-error only the kubelet has settings
answer.settings

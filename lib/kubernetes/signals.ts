/** In the order of their numbers, from 1; the same list as in `probe/guard/signals.hpp`, which a test holds it to. */
const names = [
  ...[
    'HUP',
    'INT',
    'QUIT',
    'ILL',
    'TRAP',
    'ABRT',
    'BUS',
    'FPE',
    'KILL',
    'USR1',
    'SEGV',
    'USR2',
    'PIPE',
    'ALRM',
    'TERM',
  ],
  ...['STKFLT', 'CHLD', 'CONT', 'STOP', 'TSTP', 'TTIN', 'TTOU', 'URG', 'XCPU', 'XFSZ', 'VTALRM', 'PROF', 'WINCH', 'IO'],
  ...['PWR', 'SYS'],
]

const realTimeSignals = 30

/** Whether the guard knows a signal by this text: `ABRT`, `SIGABRT`, `6` or `SIGRTMIN+3`. */
export function isSignal(text: unknown): text is string {
  if (typeof text !== 'string') return false
  if (/^\d+$/.test(text)) return Number(text) >= 1 && Number(text) <= 64
  const name = text.replace(/^SIG/, '')
  const realTime = /^RT(?:MIN(?:\+(\d+))?|MAX(?:-(\d+))?)$/.exec(name)
  if (realTime === null) return names.includes(name)
  return Number(realTime[1] ?? realTime[2] ?? 0) <= realTimeSignals
}

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

/** Whether the guard knows a signal by this text: `ABRT`, `SIGABRT` or `6`; real-time signals have numbers only. */
export function isSignal(text: unknown): text is string {
  if (typeof text !== 'string') return false
  if (/^\d+$/.test(text)) return Number(text) >= 1 && Number(text) <= 64
  return names.includes(text.replace(/^SIG/, ''))
}

/** Exec probes that are written as if a shell read them, or as if it read more of them than it does. */
import { expect, it } from 'vitest'
import { env, findings, hostile, lines, live, pod, ready } from '../support/hostile.js'

const braced = (name: string) => `$\{${name}}`

hostile(
  'exec-is-no-shell',
  {
    'a command line in one text': pod(live('/shm-liveness/shm-probe --check liveness')),
    'a text that YAML has folded': pod('livenessProbe: {exec: {command: ["/alive\\n"]}}'),
    'a program and a path in one text': pod(live('/bin/cat /tmp/healthy')),
    'a program and an address in one text': pod(live('curl http://localhost:80/')),
    'a program and an option in one text': pod(live('/usr/bin/alive -q now')),
    '|| among the arguments': pod(live('shm-probe', '||', 'exit', '1')),
    'a pipe': pod(ready('ps', 'aux', '|', 'grep', 'camera')),
    'a redirection': pod('startupProbe: {exec: {command: [curl, -f, localhost, ">", /dev/null, "2>&1"]}}'),
    'a substitution': pod(live('kill', '-0', '$(cat /run/pid)')),
    'a substitution that looks like a variable': pod(live('kill', '-0', '$(pidof)')),
    backticks: pod(live('kill', '-0', '`cat /run/pid`')),
    'a script that is given to a shell as its arguments': pod(live('sh', 'check.sh', '||', 'exit', '1')),
    'a semicolon that is not for find': pod(live('curl', 'localhost', ';', 'true')),
    'a variable within an argument': pod(live('celery', 'inspect', 'ping', '-d', 'celery@$HOSTNAME')),
    'a variable behind a flag': pod(live('mysqladmin', 'ping', '-p$PASSWORD')),
    'a password': pod(live('timeout', '5', 'redis-cli', '-a', '$REDIS_PASSWORD', 'ping')),
    'a variable in braces': pod(live('shm-probe', '--region', braced('REGION'))),
    'a variable with a default': pod(live('nc', '-z', 'localhost', braced('port:-80'))),
    'a declared variable in small letters': pod(lines(env({ host: 'a' }), live('ping', '-c1', '$host'))),
    'a variable that comes from elsewhere': pod(
      lines('env: [{name: HOST, valueFrom: {fieldRef: {fieldPath: status.hostIP}}}]', live('ping', '$(HOST)')),
    ),
    'a variable of envFrom': pod(lines('envFrom: [{configMapRef: {name: c}}]', live('ping', '$(HOST)'))),
    'a shell without -c': pod(live('sh', 'celery inspect ping')),
    'a shell without -c behind a wrapper': pod(live('timeout', '3', '/bin/bash', '-e', 'pg_isready -U postgres')),
    'an exec whose command is not its own': pod(live('sh', '-c', 'exec', 'celery inspect ping')),
    'a script in several words': pod(live('/bin/sh', '-c', 'pg_isready', '-U', 'postgres')),
    'a script of nothing': pod(live('sh', '-c')),
  },
  {
    'a shell with a script': pod(live('/bin/sh', '-c', 'ps aux | grep camera || exit 1')),
    'a shell with options behind -c': pod(live('/bin/sh', '-c', '-e', 'pg_isready || exit 1')),
    'a shell behind a wrapper': pod(live('timeout', '3', 'bash', '-ec', '$(check)')),
    'a shell with an option that has a value': pod(live('bash', '-o', 'pipefail', '-c', 'a | b $C')),
    'a script with a name for itself': pod(live('sh', '-c', '/check.sh', '--')),
    'a script that asks for its words': pod(live('sh', '-c', 'test -f "$1"', 'sh', '/tmp/x')),
    'a script of one word': pod(live('sh', '-c', '/check.sh')),
    'a script file': pod(live('sh', '/opt/check.sh', '--live')),
    'a script file with a blank': pod(live('sh', '/opt/Camera Tools/check.sh')),
    'a path with a blank': pod(live('/opt/Camera Tools/check', '--live')),
    'a variable that the kubelet replaces': pod(
      lines(env({ REGION: 'camera' }), live('shm-probe', '--region', '$(REGION)', '--termination-log')),
    ),
    'a variable within an argument that the kubelet replaces': pod(
      lines(env({ HOSTNAME: 'a' }), live('celery', 'inspect', 'ping', '-d', 'celery@$(HOSTNAME)')),
    ),
    "find's own semicolon": pod(live('find', '/tmp/x', '-mmin', '-1', '-exec', 'true', '{}', ';')),
    'a quote of Postgres': pod(live('psql', '-c', 'do $BODY$ begin end $BODY$')),
    "awk's own fields": pod(live('awk', '{ exit !($NF > 0) }', '/proc/loadavg')),
    'an end of line': pod(live('grep', '-q', '^ok$', '/tmp/state')),
    'a price': pod(live('/check', '--limit', 'a$5')),
    'a comparison': pod(live('expr', '2', '>', '1')),
    'operators within an argument': pod(live('psql', '-c', 'select 1 > 0;')),
    'a program of Windows': pod(live('C:\\Program Files\\camera\\check.exe')),
    'no command': pod('livenessProbe: {exec: {command: null}}'),
  },
)

it('exec-is-no-shell warns of what may be a path or a command line', () => {
  expect(findings('exec-is-no-shell', pod(live('/bin/alive now'))).map(({ severity }) => severity)).toEqual(['warning'])
})

it.each([
  [
    ['sh', '-c', 'exec', 'celery inspect ping'],
    'sh -c runs "exec" alone, without "celery inspect ping", and always passes',
  ],
  [['sh', '-c', 'pg_isready', '-q'], 'sh -c runs "pg_isready" alone, without "-q"'],
  [['sh', 'a b'], 'sh takes "a b" for the name of a file: without -c it runs no command line'],
])('exec-is-no-shell says what %j does', (argv, message) => {
  expect(findings('exec-is-no-shell', pod(live(...argv)))).toMatchObject([{ message }])
})

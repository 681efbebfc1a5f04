import { expect, it } from 'vitest'
import { claim } from '../support/held.js'
import { get, startListening } from '../support/http-raw.js'
import { Program } from '../support/program.js'
import { python } from '../support/python.js'
import { uniqueRegion } from '../support/region.js'

it('a client that takes a large answer slowly is not out of time: it gets all of it', async () => {
  const region = uniqueRegion()
  for (let i = 0; i < 1000; i++) claim(region, { name: `worker-${i}`, maxAge: '1h', capacity: 1000 }).beat()
  const { port } = await startListening(['--region', region])
  const whole = (await get(port, '/metrics')).body
  const reads = `import socket, sys, time
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
s.connect(("127.0.0.1", ${port}))
s.sendall(b"GET /metrics HTTP/1.0\\r\\n\\r\\n")
data, began, piece = b"", time.monotonic(), b"x"
while piece:
  piece = s.recv(${Math.ceil(whole.length / 75)}, socket.MSG_WAITALL)
  data += piece
  time.sleep(0.1)
print(len(data), data.endswith(b"\\n"), data.split()[-2].decode(), time.monotonic() - began)`
  const program = Program.run(python[0], [...python.slice(1), '-c', reads])
  const [bytes, ends, last, seconds] = (await program.said('')).split(' ')
  expect([ends, last]).toEqual(['True', 'shm_liveness_guard_http_requests_total'])
  expect(Number(bytes)).toBeGreaterThan(whole.length * 0.9)
  expect(Number(seconds)).toBeGreaterThan(5)
})

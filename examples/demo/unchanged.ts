/** A program of the demo that knows nothing of heartbeats: it waits, and blocks its event loop on SIGUSR2. */
process.on('SIGUSR2', function importsOrders() {
  const end = Date.now() + 1500
  while (Date.now() < end);
})
setInterval(() => {}, 1e6)
console.log('up')

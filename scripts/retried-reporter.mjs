// Says which tests passed only when they were tried again: on a crowded machine a test of clocks may fail over nothing,
// but one that is named here again and again has a race.
export default class RetriedReporter {
  #retried = []

  onTestCaseResult(test) {
    const { flaky, retryCount } = test.diagnostic() ?? {}
    if (flaky) this.#retried.push(`${test.module.relativeModuleId} > ${test.fullName} (tried ${retryCount + 1} times)`)
  }

  onTestRunEnd() {
    for (const name of this.#retried) console.error(`RETRIED ${name}`)
  }
}

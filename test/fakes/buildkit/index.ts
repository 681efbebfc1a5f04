export { FakeBuild, type Progress } from './build.js'
export { ClientBuild } from './client-build.js'
export { FakeBuildkit, type Hang } from './daemon.js'

/**
 * The environment of workers whose lines are compared word by word: a line without a place in code, which depends on the
 * moment. Tests of stacks ask for them at the claim.
 */
export const withoutStacks = { SHM_LIVENESS_STACKS: '0' }

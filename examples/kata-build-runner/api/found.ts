import { statusOf } from './api-error.js'

/** What was asked for, or undefined where the API server says that it does not exist. */
export async function found<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked
  } catch (error) {
    if (statusOf(error) === 404) return undefined
    throw error
  }
}

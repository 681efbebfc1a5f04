/** Rules on objects that are not of the API's types. */
import { malformedFields } from '../field-shapes.js'
import { allPlaced, type Rule } from './rule.js'

export const malformedField: Rule = {
  id: 'malformed-field',
  severity: 'error',
  scope: 'object',
  reason:
    'The API server refuses the object: a field has another type there. What is in such a field cannot be judged.',
  remedy:
    'Write the field as kubectl explain pod.spec shows it; put numbers and yes or no in quotes where a text is due.',
  check: (pod) => {
    const containers = allPlaced(pod.spec)
    return malformedFields(pod.spec).map(({ path, message }) => {
      const owner = containers.find((placed) => placed.path[0] === path[0] && placed.path[1] === path[1])
      return { path, message, ...(owner === undefined ? {} : { container: owner.container.name }) }
    })
  },
}

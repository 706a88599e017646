import type { LocalImagekit } from '../imagekit/local-server.ts'

/** Returns the variables of a server that keeps its files as private files at the local ImageKit. */
export const imagekitVariables = ({ variables }: LocalImagekit): Record<string, string> => ({
  ...variables,
  IMAGEKIT_PRIVATE: 'on',
})

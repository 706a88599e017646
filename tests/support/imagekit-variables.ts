import type { LocalImagekit } from '../imagekit/local-server.ts'

/** Returns the variables of a server that keeps its files as private files at the local ImageKit. */
export const imagekitVariables = ({ privateKey, urlEndpoint, url }: LocalImagekit): Record<string, string> => ({
  IMAGEKIT_PRIVATE_KEY: privateKey,
  IMAGEKIT_URL_ENDPOINT: urlEndpoint,
  IMAGEKIT_UPLOAD_URL: url,
  IMAGEKIT_API_URL: url,
  IMAGEKIT_PRIVATE: 'on',
})

import { describe, expect, it } from 'vitest'
import { readConfig } from '../../src/main/config.ts'

const errorOf = (env: Record<string, string>): string | undefined =>
  readConfig(env).match(
    () => undefined,
    ({ message }) => message,
  )

describe('The configuration', () => {
  it('is valid without any variable', () => {
    const config = readConfig({})._unsafeUnwrap()
    expect(config).toMatchObject({ host: '127.0.0.1', port: 8000, databaseUrl: undefined, logLevel: 'info' })
    expect(config.policy.maxFileSize).toBe(104_857_600)
    expect(config.access.anonymousScopes).toEqual(['read', 'upload', 'write', 'delete', 'metrics'])
  })

  it('treats an empty variable as not set', () => {
    expect(readConfig({ PORT: '', DATABASE_URL: ' ' })._unsafeUnwrap()).toEqual(readConfig({})._unsafeUnwrap())
  })

  it.each([
    ['100', 100],
    ['4KiB', 4096],
    ['25MB', 25_000_000],
    ['2GiB', 2_147_483_648],
    ['1 mib', 1_048_576],
  ])('reads the size %s as %i bytes', (raw, bytes) => {
    expect(readConfig({ MAX_FILE_SIZE: raw })._unsafeUnwrap().policy.maxFileSize).toBe(bytes)
  })

  it('extends or replaces the default types with ALLOWED_TYPES', () => {
    const allowed = (ALLOWED_TYPES: string) => readConfig({ ALLOWED_TYPES })._unsafeUnwrap().policy.allowedTypes
    expect(allowed('image/png, application/pdf')).toEqual(['image/png', 'application/pdf'])
    expect(allowed('default image/svg+xml')).toEqual(expect.arrayContaining(['image/jpeg', 'image/svg+xml']))
    expect(readConfig({})._unsafeUnwrap().policy.allowedTypes).not.toContain('image/svg+xml')
  })

  it('selects ImageKit if it has a private key, with the file size limit of the smallest plan', () => {
    const account = { IMAGEKIT_PRIVATE_KEY: 'private_x', IMAGEKIT_URL_ENDPOINT: 'https://ik.imagekit.io/acme/' }
    const config = readConfig(account)._unsafeUnwrap()
    expect(config).toMatchObject({
      storage: 'imagekit',
      imagekit: {
        privateKey: 'private_x',
        urlEndpoint: 'https://ik.imagekit.io/acme',
        folder: '/media',
        isPrivate: false,
      },
    })
    expect(config.policy.maxFileSize).toBe(25_000_000)
    expect(readConfig({ ...account, MAX_FILE_SIZE: '1GiB' })._unsafeUnwrap().policy.maxFileSize).toBe(2 ** 30)
    expect(readConfig({ ...account, STORAGE: 'filesystem' })._unsafeUnwrap()).toMatchObject({ storage: 'filesystem' })
    expect(errorOf({ IMAGEKIT_PRIVATE_KEY: 'private_x' })).toMatch(/^IMAGEKIT_URL_ENDPOINT is required/)
  })

  it('grants only the scopes in ANONYMOUS_SCOPES on a server that other machines can reach', () => {
    const open = (ANONYMOUS_SCOPES: string) => readConfig({ HOST: '0.0.0.0', ANONYMOUS_SCOPES })._unsafeUnwrap().access
    expect(open('read+upload')).toMatchObject({ anonymousScopes: ['read', 'upload'], loopbackOnly: false })
    expect(open('none').anonymousScopes).toEqual([])
  })

  it('takes no name that begins like a loopback address for one', () => {
    expect(errorOf({ HOST: '127.example.org' })).toContain('can be reached from other machines')
  })

  it('grants nothing without credentials if there are API keys, on loopback too', () => {
    const entry = `app:read+upload:${'0'.repeat(64)}`
    for (const HOST of ['127.0.0.1', '0.0.0.0']) {
      const { access, apiKeys } = readConfig({ HOST, API_KEYS: `${entry}, ${entry}` })._unsafeUnwrap()
      expect(access).toMatchObject({ anonymousScopes: [], loopbackOnly: false })
      expect(apiKeys).toMatchObject([
        { name: 'app', scopes: ['read', 'upload'] },
        { name: 'app', scopes: ['read', 'upload'] },
      ])
    }
  })

  it('accepts an identity provider with keys or a secret, an issuer and an audience', () => {
    const claims = { JWT_ISSUER: 'https://login.example', JWT_AUDIENCE: 'mediaport' }
    const [JWKS_URL, JWT_SECRET] = ['https://login.example/jwks', 'x'.repeat(32)]
    const { access, jwt } = readConfig({ ...claims, JWKS_URL, JWT_SCOPES: 'read+upload' })._unsafeUnwrap()
    expect(access).toMatchObject({ anonymousScopes: [], loopbackOnly: false })
    expect(jwt).toEqual({
      keys: { jwksUrl: JWKS_URL },
      issuer: 'https://login.example',
      audience: 'mediaport',
      defaultScopes: ['read', 'upload'],
    })
    expect(readConfig({ ...claims, JWT_SECRET })._unsafeUnwrap().jwt).toMatchObject({ keys: { secret: JWT_SECRET } })
    expect(errorOf(claims)).toMatch(/^JWKS_URL is not set/)
    expect(errorOf({ ...claims, JWKS_URL, JWT_SECRET })).toMatch(/^JWT_SECRET and JWKS_URL are both set/)
    expect(errorOf({ JWKS_URL, JWT_AUDIENCE: 'a' })).toMatch(/^JWT_ISSUER is required/)
    expect(errorOf({ JWT_SECRET, JWT_ISSUER: 'a' })).toMatch(/^JWT_AUDIENCE is required/)
  })

  it.each(['app', 'app:read', `app:read:${'0'.repeat(63)}`, `App:read:${'0'.repeat(64)}`, `app::${'0'.repeat(64)}`])(
    'rejects the API key %s',
    (entry) => {
      expect(errorOf({ API_KEYS: entry })).toMatch(/^API_KEYS must be a list of entries/)
    },
  )

  it('accepts requests for the host of PUBLIC_URL', () => {
    expect(
      readConfig({ PUBLIC_URL: 'https://files.example.org/x', ANONYMOUS_SCOPES: 'read' })._unsafeUnwrap().access.hosts,
    ).toEqual(['files.example.org'])
  })

  it.each([
    ['PORT', '65536'],
    ['PORT', '80a'],
    ['MAX_FILE_SIZE', '-1'],
    ['MAX_FILE_SIZE', '0'],
    ['ALLOWED_TYPES', 'image/x-unheard-of'],
    ['ANONYMOUS_SCOPES', 'read+everything'],
    ['ALLOWED_HOSTS', 'http://a'],
    ['DATABASE_URL', 'mysql://localhost/media'],
    ['PUBLIC_URL', 'files.example.org'],
    ['PUBLIC_URL', 'https://files.example.org'],
    ['PUBLIC_URL', 'http://me:secret@127.0.0.1'],
    ['JWKS_URL', 'https://me:secret@login.example/jwks'],
    ['API_KEYS', ' , '],
    ['STORAGE', 'tape'],
    ['UPLOAD_LEASE_SECONDS', '0'],
    ['IDLE_TIMEOUT_SECONDS', '1.5'],
    ['LOG_LEVEL', 'loud'],
    ['LOG_FORMAT', 'xml'],
    ['API_KEYS', 'a:read:0'],
    ['JWT_SECRET', 'short secret'],
    ['JWKS_URL', 'login.example/jwks'],
    ['JWT_SCOPES', 'read+openid'],
    ['IMAGEKIT_FOLDER', '/a b'],
    ['IMAGEKIT_PRIVATE', 'yes'],
    ['STORAGE', 'imagekit'],
    ['MONGODB_URL', 'postgres://localhost/media'],
    ['REDIS_URL', 'localhost:6379'],
    ['TITLE_TTL_SECONDS', '0'],
    ['METADATA_LOCATION', 'secret'],
    ['HOST', '0.0.0.0'],
  ])('rejects %s=%s in one line that names the variable and does not repeat its value', (name, value) => {
    const message = errorOf({ [name]: value })
    expect(message).toMatch(new RegExp(`^${name} [^\\n]+\\.$`))
    if (value.length > 8) expect(message?.replace(name, '')).not.toContain(value)
  })
})

/** The definition of an attribute (RFC 7643 §7). Omitted characteristics have the defaults of §2.2. */
export interface Attribute {
  name: string
  type: 'string' | 'boolean' | 'complex' | 'reference' | 'dateTime'
  description: string
  multiValued?: true
  required?: true
  caseExact?: true
  mutability?: 'readOnly' | 'immutable'
  uniqueness?: 'server'
  /** `always`: sent whatever the request says. */
  returned?: 'always'
  canonicalValues?: readonly string[]
  referenceTypes?: readonly string[]
  subAttributes?: readonly Attribute[]
}

/** A kind of resource and its attributes. */
export interface ResourceType {
  name: 'User' | 'Group'
  /** Below the base URL. */
  endpoint: string
  description: string
  schema: string
  /** The attributes of the core schema. */
  attributes: readonly Attribute[]
  /** Attributes of extensions, by their URN. */
  extensions: Readonly<Record<string, readonly Attribute[]>>
}

export const USER_SCHEMA = 'urn:ietf:params:scim:schemas:core:2.0:User'
export const GROUP_SCHEMA = 'urn:ietf:params:scim:schemas:core:2.0:Group'
export const ENTERPRISE_SCHEMA = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User'

const text = (name: string, description: string, more: Partial<Attribute> = {}): Attribute => ({
  name,
  type: 'string',
  description,
  ...more,
})
const complex = (name: string, description: string, subAttributes: readonly Attribute[]): Attribute => ({
  name,
  type: 'complex',
  description,
  subAttributes,
})
const readOnly = { mutability: 'readOnly' } as const

/** A multi-valued attribute with the usual sub-attributes (RFC 7643 §2.4). */
const list = (name: string, description: string, canonicalValues: readonly string[], more: readonly Attribute[] = []) =>
  ({
    ...complex(name, description, [
      text('value', 'The value'),
      text('display', 'The name to show'),
      text('type', 'What it is for', canonicalValues.length > 0 ? { canonicalValues } : {}),
      { name: 'primary', type: 'boolean', description: 'Whether it is the preferred one; at most one is' },
      ...more,
    ]),
    multiValued: true,
  }) as const

/** Attributes of every resource (RFC 7643 §3.1). They belong to no schema. */
export const COMMON_ATTRIBUTES: readonly Attribute[] = [
  {
    ...text('schemas', 'The schemas of the resource'),
    multiValued: true,
    caseExact: true,
    ...readOnly,
    returned: 'always',
  },
  { ...text('id', 'The id of the resource at Postern'), caseExact: true, ...readOnly, returned: 'always' },
  { ...text('externalId', 'The id of the resource in the directory'), caseExact: true, uniqueness: 'server' },
  {
    ...complex('meta', 'About the resource', [
      text('resourceType', 'User or Group', readOnly),
      { name: 'created', type: 'dateTime', description: 'When it was created', ...readOnly },
      { name: 'lastModified', type: 'dateTime', description: 'When it was last changed', ...readOnly },
      { name: 'location', type: 'reference', description: 'Its URL', caseExact: true, ...readOnly },
      text('version', 'Its ETag', { caseExact: true, ...readOnly }),
    ]),
    ...readOnly,
  },
]

const NAME = complex('name', 'The parts of the name', [
  text('formatted', 'The whole name'),
  text('familyName', 'The family name'),
  text('givenName', 'The given name'),
  text('middleName', 'The middle names'),
  text('honorificPrefix', 'Such as Dr.'),
  text('honorificSuffix', 'Such as III'),
])

const ADDRESSES = list(
  'addresses',
  'Postal addresses',
  ['work', 'home', 'other'],
  [
    text('formatted', 'The whole address'),
    text('streetAddress', 'The street'),
    text('locality', 'The city'),
    text('region', 'The state or region'),
    text('postalCode', 'The postal code'),
    text('country', 'The country, by its code of two letters'),
  ],
)

const USER_GROUPS: Attribute = {
  ...complex('groups', 'The groups that the user is a member of. They are changed by the groups', [
    text('value', 'The id of the group', readOnly),
    {
      name: '$ref',
      type: 'reference',
      description: 'The URL of the group',
      referenceTypes: ['Group'],
      caseExact: true,
      ...readOnly,
    },
    text('display', 'The name of the group', readOnly),
    text('type', 'Always direct', { canonicalValues: ['direct'], ...readOnly }),
  ]),
  multiValued: true,
  ...readOnly,
}

/** RFC 7643 §4.1. There is no `password`: people who are provisioned sign in at their provider. */
export const USER: ResourceType = {
  name: 'User',
  endpoint: '/Users',
  description: 'A person',
  schema: USER_SCHEMA,
  attributes: [
    text('userName', 'The name by which the directory knows the person', { required: true, uniqueness: 'server' }),
    NAME,
    text('displayName', 'The name to show'),
    text('nickName', 'The nickname'),
    { name: 'profileUrl', type: 'reference', description: 'The URL of a profile', referenceTypes: ['external'] },
    text('title', 'The job title'),
    text('userType', 'Such as Employee or Contractor'),
    text('preferredLanguage', 'Such as en-US'),
    text('locale', 'Such as en-US'),
    text('timezone', 'Such as Europe/Berlin'),
    { name: 'active', type: 'boolean', description: 'false suspends every token of the user' },
    list('emails', 'E-mail addresses', ['work', 'home', 'other']),
    list('phoneNumbers', 'Telephone numbers', ['work', 'home', 'mobile', 'fax', 'pager', 'other']),
    list('ims', 'Addresses for instant messages', []),
    list('photos', 'URLs of pictures', ['photo', 'thumbnail']),
    ADDRESSES,
    USER_GROUPS,
    list('entitlements', 'What the person may do, as the directory says. It grants nothing here', []),
    list('roles', 'Roles, as the directory says. They grant nothing here', []),
  ],
  extensions: {
    [ENTERPRISE_SCHEMA]: [
      text('employeeNumber', 'The number of the employee'),
      text('costCenter', 'The cost centre'),
      text('organization', 'The organization'),
      text('division', 'The division'),
      text('department', 'The department'),
      complex('manager', 'The manager', [
        text('value', 'The id of the manager', { caseExact: true }),
        {
          name: '$ref',
          type: 'reference',
          description: 'The URL of the manager',
          referenceTypes: ['User'],
          caseExact: true,
        },
        text('displayName', 'The name of the manager', readOnly),
      ]),
    ],
  },
}

/** RFC 7643 §4.2. Members are users; directories send nested groups flattened. */
export const GROUP: ResourceType = {
  name: 'Group',
  endpoint: '/Groups',
  description: 'A group of users',
  schema: GROUP_SCHEMA,
  attributes: [
    text('displayName', 'The name of the group', { required: true, uniqueness: 'server' }),
    {
      ...complex('members', 'The users in the group', [
        { ...text('value', 'The id of the user'), mutability: 'immutable' },
        {
          name: '$ref',
          type: 'reference',
          description: 'The URL of the user',
          referenceTypes: ['User'],
          caseExact: true,
          ...readOnly,
        },
        text('display', 'The name of the user', readOnly),
        text('type', 'Always User', { canonicalValues: ['User'], ...readOnly }),
      ]),
      multiValued: true,
    },
  ],
  extensions: {},
}

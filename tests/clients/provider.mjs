// A real OpenID provider (npm oidc-provider), and a door to a FHIR service that lets in none but its tokens.
//
//     node provider.mjs MODULES FHIR JWK
//
// People sign in there by any name; `ada` writes, others read. The pages' tokens are good for seconds, so that one sees what
// happens when they expire; those of the client `pages` can be renewed, those of `brief` cannot.
//
// MODULES: the folder that oidc-provider is installed in. FHIR: the service behind the door. JWK: the public key of the client
// `backend`. Says `ready {"issuer":…,"fhir":…}`, and ends with its input.

import http from 'node:http';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [modules, fhir, jwk] = process.argv.slice(2);
const require = createRequire(`${modules}/package.json`);
const imported = async (name) => import(pathToFileURL(require.resolve(name)));
const { Provider } = await imported('oidc-provider');
const jose = await imported('jose');

const TURNTABLE = 'urn:turntable';
const SERVICE = 'urn:fhir';

const listening = (server) => new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));

const front = http.createServer((request, response) => handle(request, response));
const issuer = `http://127.0.0.1:${await listening(front)}`;

const { privateKey } = await jose.generateKeyPair('RS256', { extractable: true });
const signing = { ...(await jose.exportJWK(privateKey)), kid: 'signing', use: 'sig', alg: 'RS256' };
const machine = { grant_types: ['client_credentials'], redirect_uris: [], response_types: [] };
// Of any port of this machine (RFC 8252, 7.3).
const page = {
    application_type: 'native',
    redirect_uris: ['http://127.0.0.1/auth/callback'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
};
const SECONDS = { pages: 3, brief: 6 };
const provider = new Provider(issuer, {
    jwks: { keys: [signing] },
    clients: [
        { client_id: 'reports', client_secret: 'a secret of reports', ...machine },
        { client_id: 'nobody', client_secret: 'a secret of nobody', ...machine },
        { client_id: 'pages', grant_types: ['authorization_code', 'refresh_token'], ...page },
        { client_id: 'brief', grant_types: ['authorization_code'], ...page },
        {
            client_id: 'backend',
            token_endpoint_auth_method: 'private_key_jwt',
            token_endpoint_auth_signing_alg: 'RS384',
            jwks: { keys: [{ ...JSON.parse(jwk), alg: 'RS384' }] },
            ...machine,
        },
    ],
    enabledJWA: { clientAuthSigningAlgValues: ['RS256', 'RS384', 'ES384'] },
    features: {
        clientCredentials: { enabled: true },
        devInteractions: { enabled: true },
        resourceIndicators: {
            enabled: true,
            // Who does not say whom a token is for wants the FHIR service.
            defaultResource: async () => SERVICE,
            getResourceServerInfo: async (_, resource, client) => ({
                scope: 'system/*.rs',
                audience: resource,
                accessTokenFormat: 'jwt',
                accessTokenTTL: SECONDS[client.clientId] ?? 60,
                jwt: { sign: { alg: 'RS256' } },
            }),
        },
    },
    issueRefreshToken: async (_, client) => client.grantTypeAllowed('refresh_token'),
    extraTokenClaims: async (_, { clientId, accountId }) => ({
        roles: accountId ? [accountId === 'ada' ? 'writer' : 'reader'] : clientId === 'reports' ? ['reader'] : [],
    }),
});
const handle = provider.callback();

// The door asks the provider for its keys, as a FHIR service does.
const keys = jose.createRemoteJWKSet(new URL(`${issuer}/jwks`));
const audience = [SERVICE, TURNTABLE];
const seen = [];
const door = http.createServer(async (request, response) => {
    if (request.url === '/seen') {
        response.end(JSON.stringify(seen));
        return;
    }
    if (!request.url.startsWith('/metadata')) {
        try {
            const token = (request.headers.authorization ?? '').replace(/^Bearer /, '');
            const { payload } = await jose.jwtVerify(token, keys, { issuer, audience, typ: 'at+jwt' });
            seen.push({ client: payload.client_id, audience: payload.aud, scope: payload.scope ?? null });
        } catch (error) {
            response.writeHead(401, { 'www-authenticate': 'Bearer error="invalid_token"' }).end();
            return;
        }
    }
    const headers = { ...request.headers, host: new URL(fhir).host };
    delete headers.authorization;
    const on = http.request(fhir + request.url, { method: request.method, headers }, (answer) => {
        response.writeHead(answer.statusCode, answer.headers);
        answer.pipe(response);
    });
    on.on('error', () => response.writeHead(502).end());
    request.pipe(on);
});
const port = await listening(door);

console.log(`ready ${JSON.stringify({ issuer, fhir: `http://127.0.0.1:${port}` })}`);
process.stdin.on('end', () => process.exit()).resume();

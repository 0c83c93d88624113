<?php

declare(strict_types=1);

/** The scopes of a token, in place of the token model of Sanctum or Passport. */
final class PosternToken
{
    /** @param list<string> $scopes */
    public function __construct(public readonly array $scopes)
    {
    }

    /** What `tokenCan` calls. Names of Laravel that Postern's catalogue does not define are imported as `legacy:…`. */
    public function can(string $scope): bool
    {
        $own = str_starts_with($scope, 'admin:');
        return in_array($scope, $this->scopes, true)
            || in_array(postern_legacy_scope($scope), $this->scopes, true)
            || (!$own && in_array('*', $this->scopes, true));
    }

    public function cant(string $scope): bool
    {
        return !$this->can($scope);
    }
}

/** For the model of users, in place of `HasApiTokens` of Passport or Sanctum. */
trait HasPosternToken
{
    protected ?PosternToken $posternToken = null;

    public function withAccessToken(?PosternToken $token): static
    {
        $this->posternToken = $token;
        return $this;
    }

    public function tokenCan(string $scope): bool
    {
        return $this->posternToken !== null && $this->posternToken->can($scope);
    }

    public function tokenCant(string $scope): bool
    {
        return !$this->tokenCan($scope);
    }
}

/** The hidden scope of an imported token for a scope of Laravel. */
function postern_legacy_scope(string $scope): string
{
    $plain = fn (array $match): string => rawurlencode($match[0]);
    return 'legacy:' . preg_replace_callback('/[^\x21\x23-\x24\x26-\x2b\x2d-\x5b\x5d-\x7e]/', $plain, $scope);
}

/**
 * Asks the issuer for a token (RFC 7662).
 *
 * @param array{issuer: string, client_id: string, client_secret: string} $config
 * @return array{id: string, user: ?string, client: string, scopes: list<string>}|null null: the token is not valid
 * @throws RuntimeException when the issuer cannot be asked: answer 503, never accept the token
 */
function postern_introspect(array $config, string $token): ?array
{
    $credentials = base64_encode(rawurlencode($config['client_id']) . ':' . rawurlencode($config['client_secret']));
    $context = stream_context_create(['http' => [
        'method' => 'POST',
        'header' => "Authorization: Basic $credentials\r\nContent-Type: application/x-www-form-urlencoded\r\nAccept: application/json\r\n",
        'content' => http_build_query(['token' => $token]),
        'timeout' => 5,
        'follow_location' => 0,
    ]]);
    $body = @file_get_contents("{$config['issuer']}/oauth/introspect", false, $context);
    $answer = $body === false ? null : json_decode($body, true);
    if (!is_array($answer) || !is_bool($answer['active'] ?? null)) {
        throw new RuntimeException('The issuer cannot be asked about the token.');
    }
    if (!$answer['active'] || ($answer['token_type'] ?? '') !== 'Bearer') {
        return null;
    }
    return [
        'id' => $answer['jti'],
        'user' => $answer['sub'] === $answer['client_id'] ? null : $answer['sub'],
        'client' => $answer['client_id'],
        'scopes' => $answer['scope'] === '' ? [] : explode(' ', $answer['scope']),
    ];
}

<?php

// Just enough of Laravel to run the blocks of docs/moving-from-laravel.md as they are written. FOLDER contains the blocks.

namespace {
    require getenv('EXAMPLE') . '/postern.php';

    function base_path(string $path): string
    {
        return getenv('EXAMPLE') . "/$path";
    }

    function env(string $name): string
    {
        return getenv($name);
    }

    function block(string $name): array
    {
        return eval('return [' . file_get_contents(getenv('FOLDER') . "/$name.php") . '];');
    }

    function config(string $key): mixed
    {
        return $key === 'services.postern' ? block('services')['postern'] : null;
    }
}

namespace Illuminate\Support {
    class ServiceProvider
    {
    }
}

namespace Illuminate\Support\Facades {
    class Auth
    {
        public static array $drivers = [];

        public static function viaRequest(string $driver, callable $find): void
        {
            self::$drivers[$driver] = $find;
        }
    }

    class Schema
    {
        public static function table(string $table, callable $change): void
        {
            $change(new \Illuminate\Database\Schema\Blueprint());
        }
    }
}

namespace Illuminate\Database\Schema {
    class Blueprint
    {
        public function uuid(string $column): self
        {
            return $column === 'postern_id' ? $this : throw new \Exception($column);
        }

        public function nullable(): self
        {
            return $this;
        }

        public function unique(): self
        {
            return $this;
        }
    }
}

namespace Illuminate\Http {
    class Request
    {
        public function header(string $name, ?string $default = null): ?string
        {
            return $_SERVER['HTTP_' . strtoupper(strtr($name, '-', '_'))] ?? $default;
        }

        public function bearerToken(): ?string
        {
            preg_match('/^Bearer (.*)$/', $this->header('Authorization', ''), $match);
            return $match[1] ?? null;
        }
    }
}

namespace App\Models {
    if (trait_exists('HasPosternToken')) {
        /** Its table is a file in FOLDER: ids by `postern_id`. */
        class User
        {
            use \HasPosternToken;

            public function __construct(public readonly string $id)
            {
            }

            private static function table(): string
            {
                return getenv('FOLDER') . '/table.json';
            }

            public static function firstWhere(string $column, string $value): ?self
            {
                $id = json_decode(file_get_contents(self::table()), true)[$value] ?? null;
                return $id === null ? null : new self($id);
            }

            public static function whereKey(string $id): self
            {
                return new self($id);
            }

            public function update(array $values): void
            {
                $rows = is_file(self::table()) ? json_decode(file_get_contents(self::table()), true) : [];
                file_put_contents(self::table(), json_encode([...$rows, $values['postern_id'] => $this->id]));
            }
        }
    }
}

namespace {
    use App\Models\User;
    use Illuminate\Database\Schema\Blueprint;
    use Illuminate\Http\Request;
    use Illuminate\Support\Facades\Auth;
    use Illuminate\Support\Facades\Schema;

    const USE_ALL = 'use App\Models\User; use Illuminate\Database\Schema\Blueprint; use Illuminate\Http\Request;
        use Illuminate\Support\Facades\{Auth, Schema};';
    $run = fn (string $name) => eval(USE_ALL . file_get_contents(getenv('FOLDER') . "/$name.php"));
    if (PHP_SAPI === 'cli') {
        chdir(getenv('FOLDER'));
        $run('migration');
        $run('fill');
        exit;
    }
    require getenv('FOLDER') . '/provider.php';
    if (isset($_GET['introspect'])) {
        $run('introspect');
    } else {
        (new App\Providers\AppServiceProvider())->boot();
    }
    header('content-type: application/json');
    $driver = block('auth')['guards']['api']['driver'];
    try {
        $user = (Auth::$drivers[$driver])(new Request());
    } catch (RuntimeException) {
        http_response_code(503);
        exit;
    }
    http_response_code($user === null ? 401 : 200);
    $can = array_map(fn (string $scope) => $user?->tokenCan($scope), $_GET['can'] ?? []);
    echo json_encode(['user' => $user?->id, 'can' => $can]);
}

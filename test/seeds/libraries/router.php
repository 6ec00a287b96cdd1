<?php

// A fixture of the tests in the place of the package bramus/router, of which it has the four methods that the
// chapter uses. Like the package it finds method and path in $_SERVER, below the folder of SCRIPT_NAME, and
// takes the first route that matches.

namespace Bramus\Router;

class Router
{
    private $before = [];
    private $routes = [];
    private $notFound = null;

    public function before($methods, $pattern, $handler)
    {
        $this->add($this->before, $methods, $pattern, $handler);
    }

    public function get($pattern, $handler)
    {
        $this->add($this->routes, 'GET', $pattern, $handler);
    }

    public function set404($handler)
    {
        $this->notFound = $handler;
    }

    public function run()
    {
        $this->handle($this->before, false);
        if ($this->handle($this->routes, true) === 0 && $this->notFound !== null) {
            call_user_func($this->notFound);
        }
    }

    private function add(&$list, $methods, $pattern, $handler)
    {
        foreach (explode('|', $methods) as $method) {
            $list[$method][] = [trim('/' . trim($pattern, '/')), $handler];
        }
    }

    private function handle($list, $stopsAtFirst)
    {
        $handled = 0;
        foreach ($list[$_SERVER['REQUEST_METHOD']] ?? [] as [$pattern, $handler]) {
            if (!preg_match('#^' . $pattern . '$#', $this->path(), $matches)) {
                continue;
            }
            $handled++;
            call_user_func_array($handler, array_slice($matches, 1));
            if ($stopsAtFirst) {
                break;
            }
        }
        return $handled;
    }

    private function path()
    {
        $base = implode('/', array_slice(explode('/', $_SERVER['SCRIPT_NAME']), 0, -1)) . '/';
        $path = substr(rawurldecode($_SERVER['REQUEST_URI']), strlen($base));
        $query = strpos($path, '?');
        return '/' . trim($query === false ? $path : substr($path, 0, $query), '/');
    }
}

<?php

// A fixture of the tests: the chapter uses this class without giving it. It holds what will be answered, and
// loads the router, which the chapter installs in another way.

namespace DreamFactory;

require_once __DIR__ . '/Router.php';

class CustomResponse
{
    private $content = null;

    public function setContent($content)
    {
        $this->content = $content;
    }

    public function getContent()
    {
        return $this->content;
    }
}

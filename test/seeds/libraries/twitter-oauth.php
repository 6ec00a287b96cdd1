<?php

// A fixture of the tests in the place of the package abraham/twitteroauth: it answers with what it was made
// with and asked for, and calls nobody.

namespace Abraham\TwitterOAuth;

class TwitterOAuth
{
    private $credentials;

    public function __construct($consumerKey, $consumerSecret, $oauthToken = null, $oauthSecret = null)
    {
        $this->credentials = [$consumerKey, $consumerSecret, $oauthToken, $oauthSecret];
    }

    public function post($path, array $parameters = [])
    {
        return ['path' => $path, 'parameters' => $parameters, 'by' => implode(' ', $this->credentials)];
    }
}

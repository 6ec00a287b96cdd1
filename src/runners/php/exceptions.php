<?php
// What scripts throw to refuse with a status: DreamFactory's names, our own few lines.
// Invariant: the class decides about the status, the code is the status unless one is given.
declare(strict_types=1);

namespace DreamFactory\Core\Exceptions;

class RestException extends \Exception
{
    protected int $statusCode;
    protected mixed $context;

    public function __construct($status, $message = '', $code = null, $previous = null, $context = null)
    {
        $this->statusCode = (int) $status;
        $this->context = $context;
        parent::__construct((string) $message, (int) ($code ?? $status), $previous);
    }

    public function getStatusCode()
    {
        return $this->statusCode;
    }

    public function setStatusCode($status)
    {
        $this->statusCode = (int) $status;
        return $this;
    }

    public function getContext()
    {
        return $this->context;
    }

    public function setContext($context)
    {
        $this->context = $context;
        return $this;
    }
}

abstract class NamedException extends RestException
{
    protected const STATUS = 500;

    public function __construct($message = '', $code = null, $previous = null, $context = null)
    {
        parent::__construct(static::STATUS, $message, $code, $previous, $context);
    }
}

class BadRequestException extends NamedException { protected const STATUS = 400; }
class InvalidJsonException extends NamedException { protected const STATUS = 400; }
class UnauthorizedException extends NamedException { protected const STATUS = 401; }
class ForbiddenException extends NamedException { protected const STATUS = 403; }
class NotFoundException extends NamedException { protected const STATUS = 404; }
class ConflictResourceException extends NamedException { protected const STATUS = 409; }
class TooManyRequestsException extends NamedException { protected const STATUS = 429; }
class InternalServerErrorException extends NamedException { protected const STATUS = 500; }
class NotImplementedException extends NamedException { protected const STATUS = 501; }
class ServiceUnavailableException extends NamedException { protected const STATUS = 503; }

/** Some records of a batch failed; `context` says which. */
class BatchException extends NamedException
{
    protected const STATUS = 400;

    public function __construct($message = '', $code = 1000, $previous = null, $context = null)
    {
        parent::__construct($message, $code ?? 1000, $previous, $context);
    }
}

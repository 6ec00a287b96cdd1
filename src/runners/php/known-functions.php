<?php
// Functions and classes that leave nothing behind in a process, by name.
// Invariant: what is not listed here runs in a fork; to list too little costs time, never safety.
declare(strict_types=1);

namespace Tenon\Runner;

final class KnownFunctions
{
    private const PURE = '
        array array_change_key_case array_chunk array_column array_combine array_count_values array_diff
        array_diff_assoc array_diff_key array_diff_uassoc array_diff_ukey array_fill array_fill_keys array_filter
        array_flip array_intersect array_intersect_assoc array_intersect_key array_intersect_uassoc
        array_intersect_ukey array_is_list array_key_exists array_key_first array_key_last array_keys array_map
        array_merge array_merge_recursive array_multisort array_pad array_pop array_product array_push array_rand
        array_reduce array_replace array_replace_recursive array_reverse array_search array_shift array_slice
        array_splice array_sum array_udiff array_udiff_assoc array_uintersect array_uintersect_assoc array_unique
        array_unshift array_values array_walk array_walk_recursive array_find array_any array_all arsort asort
        compact count current end each extract in_array key key_exists krsort ksort list natcasesort natsort next
        prev range reset rsort shuffle sizeof sort uasort uksort usort iterator_apply iterator_count
        iterator_to_array isset empty unset
        addcslashes addslashes bin2hex chop chr chunk_split count_chars crc32 explode hex2bin
        html_entity_decode htmlentities htmlspecialchars htmlspecialchars_decode implode join lcfirst levenshtein
        ltrim md5 metaphone nl2br number_format ord parse_str print printf quoted_printable_decode
        quoted_printable_encode quotemeta rtrim sha1 similar_text soundex sprintf sscanf str_contains
        str_ends_with str_ireplace str_pad str_repeat str_replace str_rot13 str_shuffle str_split str_starts_with
        str_word_count strcasecmp strcmp strcspn strip_tags stripcslashes stripos stripslashes stristr strlen
        strnatcasecmp strnatcmp strncasecmp strncmp strpbrk strpos strrchr strrev strripos strrpos strspn strstr
        strtolower strtoupper strtr substr substr_compare substr_count substr_replace trim ucfirst ucwords vprintf
        vsprintf wordwrap base64_decode base64_encode convert_uudecode convert_uuencode urldecode urlencode
        rawurldecode rawurlencode http_build_query parse_url uniqid lcg_value utf8_decode utf8_encode
        ctype_alnum ctype_alpha ctype_cntrl ctype_digit ctype_graph ctype_lower ctype_print ctype_punct
        ctype_space ctype_upper ctype_xdigit
        mb_check_encoding mb_convert_case mb_convert_encoding mb_detect_encoding mb_ord mb_chr mb_str_pad
        mb_str_split mb_strimwidth mb_stripos mb_stristr mb_strlen mb_strpos mb_strrchr mb_strrichr mb_strripos
        mb_strrpos mb_strstr mb_strtolower mb_strtoupper mb_strwidth mb_substr mb_substr_count mb_scrub mb_trim
        preg_filter preg_grep preg_last_error preg_last_error_msg preg_match preg_match_all preg_quote
        preg_replace preg_replace_callback preg_replace_callback_array preg_split
        json_decode json_encode json_last_error json_last_error_msg hash hash_algos hash_equals hash_hmac
        hash_hmac_algos md5 password_get_info password_hash password_needs_rehash password_verify random_bytes
        random_int serialize pack unpack crypt
        abs acos acosh asin asinh atan atan2 atanh base_convert bindec ceil cos cosh decbin dechex decoct deg2rad
        exp expm1 fdiv floor fmod hexdec hypot intdiv is_finite is_infinite is_nan log log10 log1p max min octdec
        pi pow rad2deg round sin sinh sqrt tan tanh mt_rand rand mt_getrandmax getrandmax
        boolval floatval doubleval intval strval settype gettype get_debug_type is_array is_bool
        is_countable is_double is_float is_int is_integer is_iterable is_long is_null is_numeric is_object
        is_resource is_scalar is_string var_dump var_export print_r debug_zval_refcount spl_object_id
        spl_object_hash filter_var filter_var_array
        checkdate date date_add date_create date_create_from_format date_create_immutable date_diff date_format
        date_interval_format date_modify date_parse date_parse_from_format date_sub date_timestamp_get
        date_timezone_get getdate gmdate gmmktime gmstrftime hrtime idate localtime microtime mktime strftime
        strtotime time timezone_identifiers_list timezone_open timezone_offset_get date_default_timezone_get
        call_user_func call_user_func_array func_get_arg func_get_args func_num_args is_a
        get_class get_object_vars get_parent_class property_exists function_exists defined constant get_defined_vars memory_get_usage memory_get_peak_usage php_sapi_name
        phpversion version_compare php_uname trigger_error user_error dump env getenv basename dirname
        pathinfo ip2long long2ip inet_ntop inet_pton array_flip iterator_to_array gc_collect_cycles sys_getloadavg
    ';

    // They reach what is outside of the event, or take their time, and leave nothing in the process all the same.
    private const WARM = '
        header header_remove headers_list headers_sent http_response_code setcookie getallheaders error_log
        sleep usleep time_nanosleep call_user_func call_user_func_array getmypid gethostname
    ';

    // They call what they are given, which may be anything by name.
    private const CALLING = '
        call_user_func call_user_func_array array_map array_filter array_walk array_walk_recursive array_reduce
        array_diff_uassoc array_diff_ukey array_intersect_uassoc array_intersect_ukey array_udiff
        array_udiff_assoc array_uintersect array_uintersect_assoc usort uasort uksort iterator_apply
        preg_replace_callback preg_replace_callback_array array_find array_any array_all
    ';

    // They reach variables by name.
    private const NAMING = 'compact extract get_defined_vars func_get_args func_get_arg parse_str';

    private const CLASSES = '
        stdclass datetime datetimeimmutable datetimezone dateinterval dateperiod datetimeinterface exception error
        errorexception typeerror valueerror argumentcounterror arithmeticerror divisionbyzeroerror jsonexception
        throwable invalidargumentexception runtimeexception logicexception domainexception lengthexception
        outofrangeexception outofboundsexception rangeexception overflowexception underflowexception
        unexpectedvalueexception badfunctioncallexception badmethodcallexception arrayobject arrayiterator
        splobjectstorage splstack splqueue spldoublylinkedlist splpriorityqueue splminheap splmaxheap
        splfixedarray weakmap iteratoriterator limititerator countable traversable arrayaccess jsonserializable
        self static parent
    ';

    private static array $sets = [];

    public static function isPure(string $name): bool
    {
        return isset(self::set(self::PURE)[$name]);
    }

    public static function isWarm(string $name): bool
    {
        return isset(self::set(self::WARM)[$name]);
    }

    public static function isCalling(string $name): bool
    {
        return isset(self::set(self::CALLING)[$name]);
    }

    public static function isNaming(string $name): bool
    {
        return isset(self::set(self::NAMING)[$name]);
    }

    public static function isClass(string $name): bool
    {
        return isset(self::set(self::CLASSES)[$name]) || str_starts_with($name, 'dreamfactory\\core\\exceptions\\');
    }

    private static function set(string $names): array
    {
        return self::$sets[$names] ??= array_flip(preg_split('/\s+/', trim($names)));
    }
}

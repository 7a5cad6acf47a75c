"""What a plugin raises to say more than one record's verdict can. Any other exception rejects the record."""


class ConfigError(Exception):
    """Raised while a plugin starts: the configuration is wrong. Shown as it is to the author of the pipeline
    file, so name the key that is wrong and say what would be right."""


class RetryBatch(Exception):
    """Raised by `process`: the whole batch has to be tried again later, whatever was said of the records before.
    State that the batch has changed in the plugin stays changed."""


class FatalError(Exception):
    """Raised by `process`: something failed that neither a retry nor a dead letter fixes. The pipeline stops and commits
    nothing of the batch."""

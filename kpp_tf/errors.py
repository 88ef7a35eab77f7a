"""The error whose message is meant for a person, not for a debugger."""


class UserError(ValueError):
    """What was asked for cannot be done, and the message says what to do instead.

    Programs print it as one line without a traceback (`kpp_tf.cli.run`). It is a
    `ValueError`, so that users of the library need not know it.
    """

    # Raised while a function is traced, it stays what it is: AutoGraph would make a
    # `StagingError` of it.
    ag_pass_through = True

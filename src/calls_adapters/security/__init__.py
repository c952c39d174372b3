"""What proves who somebody is: passwords, signed tokens, and the secret behind both."""

/** A certificate for `secure.test`, made for the tests and trusted by nothing; good for a hundred years. */
export const certificate = `-----BEGIN CERTIFICATE-----
MIIBmzCCAUGgAwIBAgIUTLTVJ9UDqntgjnObIvSqpfyyYZswCgYIKoZIzj0EAwIw
FjEUMBIGA1UEAwwLc2VjdXJlLnRlc3QwIBcNMjYxMTIzMDkyMjE2WhgPMjEyNjEw
MzAwOTIyMTZaMBYxFDASBgNVBAMMC3NlY3VyZS50ZXN0MFkwEwYHKoZIzj0CAQYI
KoZIzj0DAQcDQgAEA/V+9hqfK7X2AmRYCkL1jNu0y6BzKk2VTrWKKC3zLXB2j8WR
RFKCXKEwO3OjiL1S+ItBPSrRRY5DdBXJ5YnI5aNrMGkwHQYDVR0OBBYEFMIwElxV
ublepbxvPQNBoAGVojx3MB8GA1UdIwQYMBaAFMIwElxVublepbxvPQNBoAGVojx3
MA8GA1UdEwEB/wQFMAMBAf8wFgYDVR0RBA8wDYILc2VjdXJlLnRlc3QwCgYIKoZI
zj0EAwIDSAAwRQIhAKvKgsfb9emh7NW92SlOYfyCgSjdPthgBDSjdKcY/d4IAiBj
Ru3eEb3U8sgVYBAavQ/hiLlfmocMyy17UhZuImRVvw==
-----END CERTIFICATE-----
`

/** Its key, which protects nothing. */
export const privateKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgmxawOXp8FyajiJFD
cewFbgmjA1dILxdOGgriyLRNzrihRANCAAQD9X72Gp8rtfYCZFgKQvWM27TLoHMq
TZVOtYooLfMtcHaPxZFEUoJcoTA7c6OIvVL4i0E9KtFFjkN0Fcnlicjl
-----END PRIVATE KEY-----
`

/** What a browser is told at its start. */
export interface FlagParts {
  /** `http://127.0.0.1:port`. */
  proxy: string
  profile: string
  /** Whether it walls pages in by itself. */
  ownSandbox: boolean
}

const switchedOff = [
  'AutofillServerCommunication',
  'HttpsFirstBalancedModeAutoEnable',
  'HttpsUpgrades',
  'InterestFeedContentSuggestions',
  'MediaRouter',
  'NetworkTimeServiceQuerying',
  'OptimizationHints',
  'PreconnectToSearch',
  'Prerender2',
  'Translate',
  'WebUSB',
  // A page that moves on is gone; a kept one would go on working.
  'BackForwardCache',
]

/** The command line of Chromium, complete: nothing is left to what whoever starts it would add. */
export function flagsOf({ proxy, profile, ownSandbox }: FlagParts): string[] {
  return [
    ...(ownSandbox ? [] : ['--no-sandbox']),
    '--headless',
    '--remote-debugging-pipe',
    `--user-data-dir=${profile}`,
    '--no-startup-window',
    // Everything goes to the proxy, this machine included, and nothing is looked up here.
    `--proxy-server=${proxy}`,
    '--proxy-bypass-list=<-loopback>',
    '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1',
    '--dns-prefetch-disable',
    '--disable-quic',
    '--no-pings',
    '--webrtc-ip-handling-policy=disable_non_proxied_udp',
    '--force-webrtc-ip-handling-policy=disable_non_proxied_udp',
    // Nothing that a browser does for its own sake.
    '--disable-background-networking',
    '--disable-breakpad',
    '--disable-client-side-phishing-detection',
    '--disable-component-extensions-with-background-pages',
    '--disable-component-update',
    '--disable-crash-reporter',
    '--disable-default-apps',
    '--disable-domain-reliability',
    '--disable-extensions',
    '--disable-field-trial-config',
    '--disable-search-engine-choice-screen',
    '--disable-sync',
    '--metrics-recording-only',
    '--no-default-browser-check',
    '--no-first-run',
    '--no-service-autorun',
    '--password-store=basic',
    '--use-mock-keychain',
    `--disable-features=${switchedOff.join(',')}`,
    // Nothing that needs a machine with a screen, sound or peripherals.
    '--disable-gpu',
    '--disable-3d-apis',
    '--disable-speech-api',
    '--disable-notifications',
    '--mute-audio',
    '--hide-scrollbars',
    '--force-color-profile=srgb',
    // The same timing whether a page is looked at or not.
    '--disable-backgrounding-occluded-windows',
    '--disable-renderer-backgrounding',
    '--disable-background-timer-throttling',
    '--disable-dev-shm-usage',
    '--renderer-process-limit=8',
  ]
}

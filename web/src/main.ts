import { QueryClient, VueQueryPlugin } from '@tanstack/vue-query'
import { createApp } from 'vue'
import { Problem } from './api/problem'

import { begin } from './api/session'
import App from './App.vue'
import { i18n, preferred, speak } from './i18n'
import { router } from './router'
import { beginTheme } from './theme'
import './theme.css'

const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 1000,
      // A laptop without a network still reaches the service that runs on it.
      networkMode: 'always',
      // What was refused stays refused; what did not answer may answer soon.
      retry: (failures, error) => !(error instanceof Problem && error.status < 500) && failures < 2,
    },
  },
})

beginTheme()

void begin().catch(() => undefined) // who does not answer is told of by what is asked next
await speak(preferred())
createApp(App).use(i18n).use(router).use(VueQueryPlugin, { queryClient }).mount('#app')

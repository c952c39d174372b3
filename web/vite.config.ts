import tailwindcss from '@tailwindcss/vite'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vite'

const api = process.env.CALLS_API ?? 'http://127.0.0.1:8000'
const operations = ['/calls', '/uploads', '/events', '/intake', '/health', '/webhooks', '/deliveries', '/users', '/api-keys', '/auth', '/exports']

export default defineConfig({
  base: '/ui/',
  resolve: { alias: { '@': new URL('./src', import.meta.url).pathname } },
  plugins: [vue(), tailwindcss()],
  build: {
    outDir: process.env.CALLS_WEB_OUT ?? '../src/calls_http/static/ui',
    emptyOutDir: true,
    target: 'es2022',
    // The Content-Security-Policy allows neither inline scripts nor data: addresses of fonts and styles.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    license: { fileName: 'licences.md' },
    reportCompressedSize: false,
  },
  server: { proxy: Object.fromEntries(operations.map((path) => [path, api])) },
})
